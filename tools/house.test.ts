import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, test } from "vitest";
import { type House, houses, mayImport, packageOf, targets } from "./arrows.ts";
import { importsIn, importsOf, isTestFile } from "./imports.ts";
import { root } from "./run.ts";

const scope = "@cloister/";
const productImports = (house: House) =>
  importsOf(house.folder).filter(({ file }) => !isTestFile(file));

/** Everything that running this house loads, by package or entry, and by which way. */
function reachable(house: House): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (next: House, way: string) => {
    for (const { specifier } of productImports(next)) {
      const target = specifier.slice(scope.length);
      if (!specifier.startsWith(scope) || found.has(target)) continue;
      const reached = houses.find(({ folder }) => packageOf(folder) === target.split("/")[0]);
      found.set(target, `${way} > ${target}`);
      // What lies behind an entry is of that entry alone: the engine's halves are told apart.
      if (reached !== undefined && packageOf(reached.folder) !== "group-engine") {
        visit(reached, `${way} > ${target}`);
      }
    }
  };
  visit(house, house.folder);
  return found;
}

describe("the house: imports as they are", () => {
  test("the reader of imports sees every form", () => {
    const source = `
      import a from "a"; import type { b } from "b";
      import {
        c,
      } from "c";
      export * from "d"; import "e";
      const f = await import("f");
      // import "comment"
    `;
    expect(importsIn(source)).toEqual(["a", "b", "c", "d", "e", "f"]);
  });

  test("every workspace is in the table", () => {
    const { workspaces } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    expect(houses.map(({ folder }) => folder).toSorted()).toEqual(workspaces.toSorted());
  });

  test.each(houses)("$folder follows the arrows", (house) => {
    const refused = productImports(house).filter(({ specifier }) => {
      const target = specifier.slice(scope.length);
      const isOwn = target.split("/")[0] === packageOf(house.folder);
      return specifier.startsWith(scope) && !isOwn && !mayImport(house, target);
    });
    expect(refused).toEqual([]);
  });

  test.each(houses)("$folder declares what it imports", (house) => {
    const manifest = JSON.parse(readFileSync(join(root, house.folder, "package.json"), "utf8"));
    const declared = { ...manifest.dependencies, ...manifest.devDependencies };
    const used = productImports(house)
      .map(({ specifier }) => specifier)
      .filter((specifier) => specifier.startsWith(scope))
      .map((specifier) => specifier.split("/").slice(0, 2).join("/"))
      .filter((name) => name !== manifest.name);
    for (const name of new Set(used)) expect(declared, name).toHaveProperty([name]);
  });

  test.each(houses)("$folder reaches into no other package", (house) => {
    const deep = importsOf(house.folder).filter(({ file, specifier }) => {
      if (specifier.startsWith(scope)) return !targets.includes(specifier.slice(scope.length));
      if (!specifier.startsWith(".")) return false;
      const path = normalize(join(dirname(file), specifier));
      return (
        !path.startsWith(`${house.folder}/`) &&
        houses.some(({ folder }) => path.startsWith(`${folder}/`))
      );
    });
    expect(deep).toEqual([]);
  });

  test.each(houses.filter(({ isPure }) => isPure))("$folder is pure: no platform", (house) => {
    const platform = productImports(house).filter(({ specifier }) => specifier.startsWith("node:"));
    expect(platform).toEqual([]);
  });
});

describe("servers hold no code that could decrypt", () => {
  // The reason: whoever takes a server over gets its code, memory and keys. What is not in it at
  // all cannot be switched on: no member half of the group engine, no client.
  const forbidden = ["client-core", "client-node", "group-engine/member", "cli"];

  test.each(houses.filter(({ isServer }) => isServer))("$folder", (house) => {
    const ways = reachable(house);
    const found = forbidden.filter((target) => ways.has(target)).map((target) => ways.get(target));
    expect(found).toEqual([]);
  });

  test("the search finds the member engine where it is meant to be", () => {
    const client = houses.find(({ folder }) => folder === "client-node");
    if (client === undefined) throw new Error("no client-node in the table");
    expect([...reachable(client).keys()]).toContain("client-core");
  });
});

describe("marks are given by few", () => {
  const sources = globSync("{*,crates/*}/{src,js}/**/*.ts", { cwd: root });
  const users = (mark: string) =>
    sources.filter(
      (file) =>
        !isTestFile(file) &&
        !file.startsWith("base/src/") &&
        new RegExp(`\\b${mark}\\b`).test(readFileSync(join(root, file), "utf8")),
    );
  const nameAndFolder = (file: string) => file.split("/").slice(-2).join("/");

  test("markVerified only in files or folders that verify", () => {
    expect(users("markVerified").filter((file) => !/verif/.test(nameAndFolder(file)))).toEqual([]);
  });

  test("markSealed only in files or folders that seal", () => {
    expect(users("markSealed").filter((file) => !/seal/.test(nameAndFolder(file)))).toEqual([]);
  });
});

describe("errors and words", () => {
  const sources = globSync("{*,crates/*}/{src,js,tests}/**/*.ts", { cwd: root }).map((file) => ({
    file,
    text: readFileSync(join(root, file), "utf8"),
  }));

  test("an error code has one kind wherever it is declared", () => {
    const kinds = new Map<string, Set<string>>();
    for (const { file, text } of sources) {
      if (isTestFile(file)) continue;
      for (const [, code = "", kind = ""] of text.matchAll(/\b(ERR_\w+): \{\s*kind: "(\w+)"/g)) {
        kinds.set(code, (kinds.get(code) ?? new Set()).add(kind));
      }
    }
    expect(kinds.size).toBeGreaterThan(5);
    expect([...kinds].filter(([, found]) => found.size > 1)).toEqual([]);
  });

  test("no check is switched off, nothing is left for later", () => {
    const forbidden =
      /(?:oxlint|eslint)-disable|biome-ignore|@ts-(?:ignore|expect-error|nocheck)|\b(?:TODO|FIXME|XXX)\b/;
    expect(sources.filter(({ text }) => forbidden.test(text)).map(({ file }) => file)).toEqual([]);
  });
});
