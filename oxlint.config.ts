import { defineConfig } from "oxlint";
import { entriesOf, type House, houses, mayImport, packageOf, targets } from "./tools/arrows.ts";

const tests = ["**/*.test.ts", "**/tests/**"];

function importRule(house: House, allowNode: boolean) {
  const own = packageOf(house.folder);
  const forbidden = targets.filter((target) => target !== own && !mayImport(house, target));
  // A package with entries of its own is held by its exports and by the test of the house.
  const closed = houses
    .map(({ folder }) => packageOf(folder))
    .filter((name) => !(name in entriesOf));
  const patterns = [
    {
      regex: `^@cloister/(?:${closed.join("|")})/`,
      message: "Import a package by its name: what lies below is its own.",
    },
    {
      regex: "^(\\.\\./)+(?:crates/)?[a-z-]+/src/",
      message: "Another package is imported by its name.",
    },
    ...(allowNode ? [] : [{ group: ["node:*"], message: "Pure packages know no platform." }]),
  ];
  const paths = forbidden.map((target) => ({
    name: `@cloister/${target}`,
    message: `${house.folder} may not import it (tools/arrows.ts).`,
  }));
  return { "no-restricted-imports": ["error", { paths, patterns }] } as const;
}

const platformRules = {
  "no-restricted-properties": [
    "error",
    { object: "Date", property: "now", message: "Take a Clock." },
    { object: "Math", property: "random", message: "Take a Random." },
    { object: "performance", property: "now", message: "Take a Clock." },
    { object: "crypto", property: "getRandomValues", message: "Take a Random." },
  ],
  "no-restricted-globals": [
    "error",
    { name: "setTimeout", message: "Timers are effects." },
    { name: "setInterval", message: "Timers are effects." },
    { name: "fetch", message: "Take a transport." },
    { name: "process", message: "Pure packages know no platform." },
    { name: "Buffer", message: "Pure packages know no platform." },
  ],
} as const;

export default defineConfig({
  plugins: ["typescript", "import", "oxc", "unicorn", "vitest"],
  categories: { correctness: "error" },
  options: { typeAware: true },
  ignorePatterns: [
    "proto/gen/**",
    "**/dist/**",
    "**/target/**",
    ".cache/**",
    "**/*.js",
    "**/*.mjs",
  ],
  rules: {
    "typescript/no-floating-promises": "error",
    "typescript/no-misused-promises": "error",
    // Generated enums have UNRECOGNIZED: a default that refuses covers it.
    "typescript/switch-exhaustiveness-check": [
      "error",
      { considerDefaultExhaustiveForUnions: true },
    ],
    "typescript/no-explicit-any": "error",
    "typescript/no-non-null-assertion": "error",
    "typescript/ban-ts-comment": "error",
    "import/no-cycle": "error",
    "max-params": ["error", { max: 3 }],
    eqeqeq: "error",
    "no-var": "error",
    "prefer-const": "error",
    "no-console": "off",
    "vitest/no-focused-tests": "error",
    "vitest/require-mock-type-parameters": "off",
    // Input is searched for control characters in order to refuse it.
    "no-control-regex": "off",
    // Properties assert inside a predicate, and some only where a guard holds.
    "vitest/expect-expect": "off",
    "vitest/no-conditional-expect": "off",
    // The second argument is the name of what failed.
    "vitest/valid-expect": ["error", { maxArgs: 2 }],
    // Ids, keys and nkeys are strings by brand.
    "typescript/restrict-template-expressions": "off",
  },
  overrides: houses.flatMap((house) => [
    { files: [`${house.folder}/**/*.ts`], rules: importRule(house, house.isPure !== true) },
    ...(house.isPure === true
      ? [{ files: [`${house.folder}/src/**/*.ts`], rules: platformRules }]
      : []),
    // Tests run in Node and may start anything.
    {
      files: tests.map((pattern) => `${house.folder}/${pattern}`),
      rules: {
        ...importRule({ ...house, imports: ["*"] }, true),
        "no-restricted-properties": "off" as const,
        "no-restricted-globals": "off" as const,
      },
    },
  ]),
});
