/**
 * Which house may import which: the one table behind the lint rule, the test of the house and
 * docs/architecture.md. Data flows one way, and what is not listed is refused.
 */
export interface House {
  /** Folder from the root; the package is `@cloister/<last part>`. */
  readonly folder: string;
  /** Packages, or `package/entry` where only one entry is meant. */
  readonly imports: readonly string[];
  /** No platform: neither `node:*` nor clocks, timers or randomness of its own. */
  readonly isPure?: true;
  /** A server: it must hold no code that could decrypt. */
  readonly isServer?: true;
}

const contract = ["base", "proto"];
const serverLibraries = [...contract, "rules", "server-kit"];
const engineFacts = ["group-engine/types", "group-engine/errors", "group-engine/limits"];
const publicEngine = [...engineFacts, "group-engine/public", "group-engine/wasm-paths"];
const memberEngine = [...engineFacts, "group-engine/member", "group-engine/wasm-paths"];

export const houses: readonly House[] = [
  { folder: "base", imports: [], isPure: true },
  { folder: "proto", imports: ["base"], isPure: true },
  { folder: "crates/group-engine", imports: ["base"] },
  { folder: "rules", imports: contract, isPure: true },
  {
    folder: "client-core",
    imports: [...contract, "rules", ...engineFacts, "group-engine/member"],
    isPure: true,
  },
  { folder: "client-node", imports: [...contract, "rules", "client-core", ...memberEngine] },
  { folder: "server-kit", imports: [...contract, "rules"], isServer: true },
  { folder: "accounts", imports: serverLibraries, isServer: true },
  { folder: "gateway", imports: serverLibraries, isServer: true },
  { folder: "relay", imports: [...serverLibraries, ...publicEngine], isServer: true },
  // The one-box server starts roles as processes; of their code it takes what runs before any role.
  {
    folder: "deploy",
    imports: [...contract, "server-kit", "accounts/init", "relay/nats-server"],
    isServer: true,
  },
  {
    folder: "cli",
    imports: [...contract, "rules", "client-core", "client-node", "deploy", "group-engine/types"],
  },
  { folder: "testkit", imports: ["*"] },
  { folder: "bench", imports: ["*"] },
];

export function packageOf(folder: string): string {
  return folder.slice(folder.lastIndexOf("/") + 1);
}

/** Packages with more entries than their name; any other path below a package is refused. */
export const entriesOf: Readonly<Record<string, readonly string[]>> = {
  "group-engine": ["member", "public", "types", "errors", "limits", "wasm-paths"],
  // Made-up logs and orgs: for tests, so that no house lists it.
  rules: [".", "testing"],
  accounts: [".", "init"],
  relay: [".", "nats-server"],
};

/** Every name behind `@cloister/` that exists. */
export const targets: readonly string[] = houses.flatMap(({ folder }) => {
  const name = packageOf(folder);
  return (entriesOf[name] ?? ["."]).map((entry) => (entry === "." ? name : `${name}/${entry}`));
});

export function mayImport(house: House, target: string): boolean {
  return house.imports.includes("*") || house.imports.includes(target);
}
