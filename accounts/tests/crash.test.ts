import { parseEpochMs, publicKeyBytes } from "@cloister/base";
import { inboxPrefix } from "@cloister/proto";
import {
  openBox,
  openDataKey,
  openSealedBucket,
  parseNatsJwt,
  type SealedBucket,
} from "@cloister/server-kit";
import { jetstream } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { claimHash } from "../src/claims/claim-file.ts";
import { Claims } from "../src/claims/claims.ts";
import { openOperatorKey } from "../src/init/init-accounts.ts";
import { accountsDir, dataKeyPath } from "../src/init/paths.ts";
import { LogStream } from "../src/log/log-stream.ts";
import { type AccountPusher, createAccountPusher } from "../src/nats/account-pusher.ts";
import { OrgAccounts } from "../src/org/org-accounts.ts";
import { Orgs } from "../src/org/orgs.ts";
import { openRecords } from "../src/org/records.ts";
import { TestBox } from "./fleet.ts";
import { OrgForge, random, serviceKeys } from "./org-forge.ts";

interface Ports {
  readonly bucket: SealedBucket;
  readonly stream: LogStream;
  readonly pusher: AccountPusher;
}

let box: TestBox;
let ports: Ports;
let build: (from: Ports) => Orgs;

beforeAll(async () => {
  box = await TestBox.start();
  const own = await box.link("accounts");
  const log = await box.link("accounts-log");
  const system = await box.link("accounts-system");
  const key = await openBox(box.stateDir);
  const path = dataKeyPath(accountsDir(box.stateDir));
  const dataKey = await openDataKey({ box: key, path, owner: "accounts" });
  const signer = await openOperatorKey(box.stateDir, key);
  const clock = { now: () => parseEpochMs(Date.now()) };
  const sizes = { maxBytes: 1024 ** 3, replicas: 1 };
  ports = {
    bucket: await openSealedBucket(jetstream(own.connection), {
      name: "ACCOUNTS",
      key: dataKey,
      ...sizes,
    }),
    stream: await LogStream.open({ connection: log.connection, ...sizes }),
    pusher: createAccountPusher({
      connection: system.connection,
      inboxPrefix: inboxPrefix(system.pair.publicKey),
      timeoutMs: 3_000,
    }),
  };
  build = ({ bucket, stream, pusher }) => {
    const records = openRecords(bucket);
    const claims = new Claims({ records, clock, takeIn: () => Promise.resolve() });
    const services = box.facts.accounts;
    const orgDiskBytes = 1024 ** 3;
    const accounts = new OrgAccounts({ records, pusher, signer, services, orgDiskBytes, clock });
    return new Orgs({ records, claims, stream, accounts, clock });
  };
});
afterAll(async () => {
  await box?.[Symbol.asyncDispose]();
});

class Crash extends Error {}

/**
 * Ports of a process that dies at its n-th step: before the step or right after it. Nothing of it
 * works afterwards.
 */
function dyingPorts(
  dieAt: number,
  when: "before" | "after",
): { ports: Ports; steps: () => number } {
  let steps = 0;
  const wrap = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (object, name) => {
        const member: unknown = Reflect.get(object, name, object);
        if (typeof member !== "function") return member;
        return async (...input: unknown[]) => {
          steps += 1;
          if (steps > dieAt || (steps === dieAt && when === "before")) throw new Crash();
          const answer: unknown = await Reflect.apply(member, object, input);
          if (steps === dieAt) throw new Crash();
          return answer;
        };
      },
    });
  const { bucket, stream, pusher } = ports;
  return {
    ports: { bucket: wrap(bucket), stream: wrap(stream), pusher: wrap(pusher) },
    steps: () => steps,
  };
}

async function newClaim(): Promise<Uint8Array> {
  const secret = random.bytes(32);
  const expiresMs = Date.now() + 60_000;
  await openRecords(ports.bucket).claims.create(claimHash(secret), { state: "open", expiresMs });
  return secret;
}

/** A client repeats what it has signed, byte for byte. */
interface Client {
  readonly secret: Uint8Array;
  readonly forge: OrgForge;
  readonly statements: Uint8Array[];
}

async function newClient(): Promise<Client> {
  return { secret: await newClaim(), forge: new OrgForge(), statements: [] };
}

/** Founds an org and authorises a gateway. */
async function live(orgs: Orgs, { secret, forge, statements }: Client) {
  if (statements.length === 0) {
    const { logKey } = await orgs.reserve(secret);
    statements.push(await forge.genesis(logKey));
  }
  const [genesis = new Uint8Array(0)] = statements;
  const founded = await orgs.found(secret, genesis);
  if (forge.replica === undefined) forge.take(founded.record);
  const keys = serviceKeys("gateway");
  const { key, natsSigningKey } = keys;
  if (statements.length === 1) {
    statements.push(await forge.gateway({ key, natsSigningKey, revoked: false }));
  }
  const last = await orgs.submit(forge.org, statements[1] ?? new Uint8Array(0));
  return { org: forge.org, position: last.position, accounts: last.accounts };
}

test("a process that dies between any two steps leaves what the next one finishes", async () => {
  const relay = serviceKeys("relay");
  const { natsSigningKey } = relay;
  await build(ports).announceRelay({ relayKey: publicKeyBytes(relay.key), natsSigningKey });
  const counted = dyingPorts(Number.POSITIVE_INFINITY, "before");
  await live(build(counted.ports), await newClient());
  const steps = counted.steps();
  expect(steps).toBeGreaterThan(15);
  const repaired = new Set<string>();
  for (let dieAt = 1; dieAt <= steps; dieAt += 1) {
    for (const when of ["before", "after"] as const) {
      const client = await newClient();
      const dying = build(dyingPorts(dieAt, when).ports);
      await expect(live(dying, client)).rejects.toBeInstanceOf(Error);

      // Another process starts: what was begun is finished without the client.
      const next = build(ports);
      await next.finishFoundings();
      const begun = (await next.all()).filter((org) => !repaired.has(org));
      for (const org of begun) {
        await next.repair(org);
        repaired.add(org);
      }
      // And the client repeats its calls.
      const { org, position, accounts } = await live(next, client);
      expect(position, `died ${when} step ${dieAt}`).toBe(1);
      expect(await ports.stream.readAfter(org, 0)).toHaveLength(2);
      const jwt = await ports.pusher.lookUp(accounts.natsAccount);
      const { nats } = parseNatsJwt(jwt ?? "").claims;
      expect("signing_keys" in nats ? nats.signing_keys : []).toHaveLength(1);
    }
  }
  process.stderr.write(`${steps} steps, each died at twice\n`);
}, 300_000);

test("a founding that nobody repeats is finished by the next start", async () => {
  const secret = await newClaim();
  const forge = new OrgForge();
  const { logKey } = await build(ports).reserve(secret);
  const genesis = await forge.genesis(logKey);
  const deadStream = new Proxy(ports.stream, {
    get: (stream, name) => {
      if (name === "append") return () => Promise.reject(new Crash());
      const member: unknown = Reflect.get(stream, name, stream);
      return typeof member === "function" ? member.bind(stream) : member;
    },
  });
  await expect(
    build({ ...ports, stream: deadStream }).found(secret, genesis),
  ).rejects.toBeInstanceOf(Crash);
  const before = (await build(ports).all()).length;
  expect(await ports.stream.subjects()).toHaveLength(before - 1);
  const service = await box.startAccounts();
  try {
    await expect
      .poll(async () => (await ports.stream.subjects()).length, { timeout: 10_000 })
      .toBe(before);
  } finally {
    await service[Symbol.asyncDispose]();
  }
});
