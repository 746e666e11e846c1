import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEpochMs, parseUtf8, SecretBytes } from "@cloister/base";
import {
  type NkeyPair,
  openBox,
  parseNatsJwt,
  readServiceCredentials,
  verifyTrustChain,
} from "@cloister/server-kit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { issueClaim, waitingClaims } from "../claims/claim-file.ts";
import { SERVICE_JWT_SECONDS } from "../limits.ts";
import { readFleet } from "./fleet-file.ts";
import { initAccounts, openOperatorKey, renewCredentials } from "./init-accounts.ts";
import { accountsDir, claimsDir, scopeKeyPath, serviceCredentialsPath } from "./paths.ts";
import { scopeNames } from "./service-accounts.ts";
import { serviceUserNames } from "./service-users.ts";

let stateDir = "";
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "cloister-accounts-"));
});
afterEach(() => rm(stateDir, { recursive: true, force: true }));

async function init(shown: string[] = []) {
  return await initAccounts({
    stateDir,
    operatorName: "test operator",
    keepOperatorRoot: (seed) => {
      shown.push(seed.expose(parseUtf8));
      return Promise.resolve();
    },
  });
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** A key as any tool would write it: raw, hex, base64, seed text. */
function spellings(pair: Pick<NkeyPair, "exposeSeed" | "exposeSeedText">): Buffer[] {
  const text = pair.exposeSeedText((seed) => seed);
  const raw = pair.exposeSeed((seed) => Buffer.from(seed));
  const texts = [text, raw.toString("hex"), raw.toString("base64").slice(0, 42)];
  return [raw, ...texts.map((spelling) => Buffer.from(spelling))];
}

test("makes an operator, six accounts and seven users whose tokens verify up to the root", async () => {
  const facts = await init();
  expect(facts.preload.size).toBe(6);
  expect(await readFleet(stateDir)).toEqual(facts);
  using box = await openBox(stateDir);
  const operatorRoot = parseNatsJwt(facts.operatorJwt).claims.sub;
  for (const user of serviceUserNames) {
    const file = { key: box, path: serviceCredentialsPath(stateDir, user), user };
    const { jwt, pair } = await readServiceCredentials(file);
    const { nats } = parseNatsJwt(jwt).claims;
    const account = "issuer_account" in nats ? String(nats.issuer_account) : "";
    const accountJwt = facts.preload.get(account) ?? "";
    const chain = { operatorJwt: facts.operatorJwt, accountJwt, userJwt: jwt };
    const verified = verifyTrustChain(chain, { operatorRoot, nowSeconds: Date.now() / 1000 });
    expect(verified.user.sub).toBe(pair.publicKey);
  }
});

test("[F1] [F95] the state directory holds no seed of any key, in any spelling", async () => {
  const shown: string[] = [];
  await init(shown);
  const secrets: Buffer[] = [Buffer.from(shown[0] ?? "none")];
  using box = await openBox(stateDir);
  secrets.push(...spellings(await openOperatorKey(stateDir, box)));
  for (const user of serviceUserNames) {
    const path = serviceCredentialsPath(stateDir, user);
    secrets.push(...spellings((await readServiceCredentials({ key: box, path, user })).pair));
  }
  for (const name of scopeNames) {
    const sealed = await readFile(scopeKeyPath(accountsDir(stateDir), name));
    using seed = box.openSealed(`scope-key/${name}`, sealed);
    secrets.push(seed.expose((bytes) => Buffer.from(bytes)));
  }
  using claim = await issueClaim({ stateDir });
  secrets.push(claim.expose((bytes) => Buffer.from(bytes)));

  const files = await filesBelow(stateDir);
  expect(files.length).toBeGreaterThan(14);
  for (const path of files) {
    const bytes = await readFile(path);
    expect((await stat(path)).mode & 0o777, path).toBe(0o600);
    for (const secret of secrets) expect(bytes.includes(secret), path).toBe(false);
  }
});

test("a second init refuses and says what to do; nothing changes", async () => {
  const facts = await init();
  const before = await filesBelow(stateDir);
  await expect(init()).rejects.toMatchObject({
    code: "ERR_ACCOUNTS_INITIALISED",
    hint: expect.stringContaining("server start"),
  });
  expect(await filesBelow(stateDir)).toEqual(before);
  expect(await readFleet(stateDir)).toEqual(facts);
});

test("an init that was cut goes on with the next one, and leaves no draft", async () => {
  const cut = initAccounts({
    stateDir,
    operatorName: "cut",
    keepOperatorRoot: () => Promise.reject(new Error("terminal closed")),
  });
  await expect(cut).rejects.toThrow("terminal closed");
  await expect(readFleet(stateDir)).rejects.toMatchObject({ code: "ERR_ACCOUNTS_NOT_INITIALISED" });
  const shown: string[] = [];
  await init(shown);
  expect(shown[0]).toMatch(/^SO[A-Z2-7]{56}$/);
  expect((await readdir(stateDir)).sort()).toEqual(["accounts", "box.key"]);
});

test("two inits at once make one operator", async () => {
  const outcomes = await Promise.allSettled([init(), init(), init()]);
  const made = outcomes.filter((outcome) => outcome.status === "fulfilled");
  expect(made.length).toBeLessThanOrEqual(1);
  if (made.length === 0) await init();
  await readFleet(stateDir);
});

test("renews the tokens that are half spent, and only these", async () => {
  await init();
  expect(await renewCredentials({ stateDir })).toEqual([]);
  const later = parseEpochMs(Date.now() + SERVICE_JWT_SECONDS * 600);
  const clock = { now: () => later };
  expect(await renewCredentials({ stateDir, clock })).toEqual(serviceUserNames);
  expect(await renewCredentials({ stateDir, clock })).toEqual([]);
});

test("a claim is 256 bits, and only its hash waits", async () => {
  await expect(issueClaim({ stateDir })).rejects.toMatchObject({
    code: "ERR_ACCOUNTS_NOT_INITIALISED",
  });
  await init();
  using claim = await issueClaim({ stateDir });
  using second = await issueClaim({ stateDir });
  expect(claim).toBeInstanceOf(SecretBytes);
  expect(claim.lengthBytes).toBe(32);
  expect(claim.equals(second)).toBe(false);
  using box = await openBox(stateDir);
  expect(await waitingClaims(stateDir, box)).toHaveLength(2);
  expect(await readdir(claimsDir(stateDir))).toHaveLength(2);
});
