import { readFile } from "node:fs/promises";
import { parseBase64Url, publicKeyBytes } from "@cloister/base";
import {
  type NkeyPair,
  openBox,
  openDataKey,
  openSealedBucket,
  readServiceCredentials,
} from "@cloister/server-kit";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AccountsService, serviceCredentialsPath, serviceUserNames } from "../src/index.ts";
import { openOperatorKey } from "../src/init/init-accounts.ts";
import { accountsDir, dataKeyPath } from "../src/init/paths.ts";
import { openRecords } from "../src/org/records.ts";
import { bytesBelow, type ServiceLink, TestBox } from "./fleet.ts";
import { FoundedOrg } from "./founded-org.ts";

let box: TestBox;
let accounts: AccountsService;
let gateway: ServiceLink;
let relay: ServiceLink;

beforeAll(async () => {
  box = await TestBox.start();
  accounts = await box.startAccounts();
  gateway = await box.link("gateway");
  relay = await box.link("relay");
});
afterAll(async () => {
  await accounts?.[Symbol.asyncDispose]();
  await box?.[Symbol.asyncDispose]();
});

/** A secret as any tool would write it. */
function spellings(secret: Uint8Array): Buffer[] {
  const raw = Buffer.from(secret);
  const texts = [
    raw.toString("hex"),
    raw.toString("base64").slice(0, 42),
    raw.toString("base64url"),
  ];
  return [raw, ...texts.map((text) => Buffer.from(text))];
}

function seedsOf(pair: NkeyPair): Buffer[] {
  const text = pair.exposeSeedText((seed) => Buffer.from(seed));
  return [text, ...pair.exposeSeed((seed) => spellings(seed))];
}

/** Every secret that the box and the test's people have. */
async function secretsOf(org: FoundedOrg, claim: Uint8Array): Promise<Buffer[]> {
  const key = await openBox(box.stateDir);
  const path = dataKeyPath(accountsDir(box.stateDir));
  const dataKey = await openDataKey({ box: key, path, owner: "accounts" });
  const known: Buffer[] = [Buffer.from(box.rootSeed), ...spellings(claim)];
  known.push(...dataKey.exposeKey((bytes) => spellings(bytes)));
  known.push(...seedsOf(await openOperatorKey(box.stateDir, key)));
  for (const user of serviceUserNames) {
    const credentials = { key, path: serviceCredentialsPath(box.stateDir, user), user };
    known.push(...seedsOf((await readServiceCredentials(credentials)).pair));
  }
  const own = await box.link("accounts");
  const bucket = await openSealedBucket(jetstream(own.connection), {
    name: "ACCOUNTS",
    key: dataKey,
    maxBytes: 1024 ** 3,
    replicas: 1,
  });
  const record = await openRecords(bucket).orgs.get(org.forge.org);
  known.push(...spellings(parseBase64Url(record?.value.logSeed ?? "")));
  known.push(...seedsOf(org.forge.owner.device.nkey));
  known.push(...seedsOf(org.gatewayKeys.nats), ...seedsOf(org.relayKeys.nats));
  return known;
}

/** What a reader of the streams gets from the server, after the server's own decryption. */
async function storedMessages(): Promise<Buffer[]> {
  const messages: Buffer[] = [];
  const places = [
    { user: "accounts-log", stream: "LOG" },
    { user: "accounts", stream: "KV_ACCOUNTS" },
  ] as const;
  for (const { user, stream } of places) {
    const manager = await jetstreamManager((await box.link(user)).connection);
    const { state } = await manager.streams.info(stream);
    for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
      const message = await manager.direct.getMessage(stream, { seq });
      if (message !== null) messages.push(Buffer.from(message.subject), Buffer.from(message.data));
    }
  }
  return messages;
}

test("[F1] [F95] no secret lies in the state directory, the streams, their store or the server's log", async () => {
  const org = await FoundedOrg.found(box, gateway, relay);
  const claim = await box.claim();
  await gateway.call("ReserveOrg", { claimSecret: claim });
  const known = await secretsOf(org, claim);
  expect(known.length).toBeGreaterThan(40);
  const stored = await storedMessages();
  expect(stored.length).toBeGreaterThan(10);
  const files = new Map([
    ...(await bytesBelow(box.stateDir)),
    ...(await bytesBelow(box.nodes.dataDir)),
  ]);
  files.set("nats.log", await readFile(box.nodes.logFile));
  stored.forEach((message, index) => files.set(`message ${index}`, message));
  for (const [name, bytes] of files) {
    for (const secret of known) expect(bytes.includes(secret), name).toBe(false);
  }
  const isFound = (control: Buffer) => [...files.values()].some((bytes) => bytes.includes(control));
  // What must be there is found: the search works.
  expect(isFound(Buffer.from(box.facts.accounts.gateway))).toBe(true);
  expect(isFound(Buffer.from(publicKeyBytes(org.relayKeys.key)))).toBe(true);
});

test("[F95] with the server's decryption and without the box's key the records stay opaque", async () => {
  await FoundedOrg.found(box, gateway, relay);
  const values = (await storedMessages()).filter((bytes) => bytes[0] === 1 && bytes.length > 100);
  expect(values.length).toBeGreaterThan(3);
  for (const value of values) {
    expect(value.includes("logSeed")).toBe(false);
    expect(value.includes('"state"')).toBe(false);
  }
});
