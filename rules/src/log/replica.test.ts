import { addMs, idBytes, merkleLeafHash, type Signer } from "@cloister/base";
import { commonV1, statementsV1 } from "@cloister/proto";
import { describe, expect, test } from "vitest";
import { bodies } from "../build/bodies.ts";
import { logRootAt } from "../state/org-state.ts";
import { orgScope } from "../state/scope.ts";
import { TestOrg, testKey } from "../testing/index.ts";
import { signEnvelope } from "../tokens/signed.ts";
import { prepareEntry, signEntry } from "./append.ts";
import {
  appendRecord,
  compareCheckpoint,
  type LogReplica,
  openReplica,
  pinCheckpoint,
} from "./replica.ts";
import { advanceCheckpoint, verifyCheckpoint } from "./verify-checkpoint.ts";

function replay(records: readonly Uint8Array[]): LogReplica {
  const [first, ...rest] = records;
  if (first === undefined) throw new TypeError("no records");
  return rest.reduce(appendRecord, openReplica({ record: first }));
}

async function signedHead(
  org: TestOrg,
  head: { readonly size: number; readonly root: Uint8Array; readonly timeMs?: number },
  signer: Signer<"log"> = org.logKey,
): Promise<Uint8Array> {
  const payload = commonV1.Checkpoint.encode({
    orgId: idBytes(org.id),
    size: BigInt(head.size),
    root: head.root,
    stateRoot: new Uint8Array(0),
    timeMs: BigInt(head.timeMs ?? org.nowMs),
  }).finish();
  return signEnvelope("checkpoint", { org: org.id, payload }, signer);
}

/** A record as a lying log could make it: any entry under any head. */
async function forgeRecord(
  org: TestOrg,
  statement: Uint8Array,
  change: {
    readonly entryMs?: number;
    readonly headMs?: number;
    readonly root?: Uint8Array;
    readonly size?: number;
    readonly signer?: Signer<"log">;
  },
): Promise<Uint8Array> {
  const prepared = prepareEntry(org.replica, { statement, nowMs: addMs(org.nowMs, 1000) });
  const entry =
    change.entryMs === undefined
      ? prepared.entry
      : statementsV1.LogEntry.encode({ timeMs: BigInt(change.entryMs), statement }).finish();
  const head = commonV1.Checkpoint.decode(prepared.checkpoint);
  const checkpoint = await signedHead(
    org,
    {
      size: change.size ?? Number(head.size),
      root: change.root ?? head.root,
      timeMs: change.headMs ?? Number(head.timeMs),
    },
    change.signer,
  );
  return statementsV1.LogRecord.encode({ entry, checkpoint }).finish();
}

const newPolicy = bodies.policySet({
  scope: orgScope,
  policy: {
    factors: [],
    exemptRoles: [],
    deniedAccounts: [],
    sessionMaxAgeSeconds: undefined,
    deviceMinAgeSeconds: undefined,
  },
});

describe("log replica", () => {
  test("a replay of the records gives the same head and the same answers", async () => {
    const org = await TestOrg.create();
    await org.addMember();
    const replica = replay(org.records);
    expect(replica.size).toBe(org.size);
    expect(replica.checkpoint.root).toEqual(org.replica.checkpoint.root);
    expect(replica.state.roles).toEqual(org.state.roles);
    expect(replica.entry.statement?.body.$case).toBe("inviteAccepted");
  });

  test("the log of one entry has the RFC 6962 leaf hash as its root", async () => {
    const org = await TestOrg.create();
    const [first] = org.records;
    const { entry } = statementsV1.LogRecord.decode(first ?? new Uint8Array(0));
    expect(logRootAt(org.state, 1)).toEqual(merkleLeafHash(entry));
  });

  test("a parallel org of the same name and people is another org", async () => {
    const org = await TestOrg.create();
    const parallel = await TestOrg.create({ seed: "parallel" });
    expect(parallel.id).not.toBe(org.id);
    const [record] = parallel.records;
    if (record === undefined) throw new TypeError("no record");
    expect(() => openReplica({ record, org: org.id })).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_ORG" }),
    );
    expect(() => appendRecord(org.replica, parallel.records[1] ?? record)).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_ORG" }),
    );
  });

  test("a checkpoint not signed by the genesis's log key is refused", async () => {
    const org = await TestOrg.create();
    const other = testKey("log", org.random);
    const head = await signedHead(org, { size: 3, root: logRootAt(org.state, 3) }, other);
    expect(() => verifyCheckpoint(org.state, head)).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_CHECKPOINT" }),
    );
    const statement = await org.sign(newPolicy);
    const record = await forgeRecord(org, statement, { signer: other });
    expect(() => appendRecord(org.replica, record)).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_CHECKPOINT" }),
    );
  });

  test("a checkpoint smaller than the known one is a rollback", async () => {
    const org = await TestOrg.create();
    const [older, newer] = [2, 3].map((size) =>
      verifyCheckpoint(org.state, org.checkpointAt(size)),
    );
    if (older === undefined || newer === undefined) throw new TypeError("no checkpoints");
    expect(advanceCheckpoint(older, newer)).toBe(newer);
    expect(() => advanceCheckpoint(newer, older)).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_LOG_ROLLBACK" }),
    );
  });

  test("two roots for one size are a fork, wherever they meet", async () => {
    const org = await TestOrg.create();
    const root = new Uint8Array(32).fill(7);
    const known = verifyCheckpoint(org.state, org.checkpointAt(3));
    const other = verifyCheckpoint(org.state, await signedHead(org, { size: 3, root }));
    const fork = expect.objectContaining({ code: "ERR_VERIFICATION_LOG_FORK" });
    expect(() => advanceCheckpoint(known, other)).toThrow(fork);
    expect(() => compareCheckpoint(org.replica, other)).toThrow(fork);
    expect(() => pinCheckpoint(org.replica, other)).toThrow(fork);
    expect(compareCheckpoint(org.replica, known)).toBe("known");
  });

  test("a head that was pinned before its entries has to be reached", async () => {
    const org = await TestOrg.create();
    const records = [...org.records];
    await org.addMember();
    const honest = verifyCheckpoint(org.state, org.checkpointAt(5));
    const forged = verifyCheckpoint(
      org.state,
      await signedHead(org, { size: 5, root: new Uint8Array(32) }),
    );
    const rest = org.records.slice(3);
    const pinned = pinCheckpoint(replay(records), honest);
    expect(compareCheckpoint(pinned, honest)).toBe("ahead");
    expect(rest.reduce(appendRecord, pinned).pins).toEqual([]);
    expect(() => pinCheckpoint(pinned, forged)).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_LOG_FORK" }),
    );
    const misled = pinCheckpoint(replay(records), forged);
    expect(() => rest.reduce(appendRecord, misled)).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_LOG_FORK" }),
    );
  });

  test("entries that do not hash to the signed root are a fork", async () => {
    const org = await TestOrg.create();
    const statement = await org.sign(newPolicy);
    const record = await forgeRecord(org, statement, { root: new Uint8Array(32) });
    expect(() => appendRecord(org.replica, record)).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_LOG_FORK" }),
    );
  });

  test("an altered entry under an honest head is a fork", async () => {
    const org = await TestOrg.create();
    const before = org.replica;
    const records = [...org.records];
    await org.addMember();
    const record = statementsV1.LogRecord.decode(org.records[records.length] ?? new Uint8Array(0));
    const entry = statementsV1.LogEntry.decode(record.entry);
    const altered = statementsV1.LogEntry.encode({ ...entry, timeMs: entry.timeMs + 1n }).finish();
    const bytes = statementsV1.LogRecord.encode({ ...record, entry: altered }).finish();
    expect(() => appendRecord(replay(records), bytes)).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_LOG_FORK" }),
    );
    expect(before.size).toBe(records.length);
  });

  test("a record that is not the next one is refused, and of a taken position told from a fork", async () => {
    const org = await TestOrg.create();
    const early = replay(org.records);
    await org.addMember();
    const [, , third, , fifth] = org.records;
    if (third === undefined || fifth === undefined) throw new TypeError("no records");
    for (const record of [third, fifth]) {
      expect(() => appendRecord(early, record)).toThrow(
        expect.objectContaining({ code: "ERR_VERIFICATION_LOG_POSITION" }),
      );
    }
    const statement = await org.sign(newPolicy);
    const second = await forgeRecord(org, statement, { size: 3, root: new Uint8Array(32) });
    expect(() => appendRecord(org.replica, second)).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_LOG_FORK" }),
    );
  });

  test("log time never decreases, in entries nor in heads", async () => {
    const org = await TestOrg.create();
    const statement = await org.sign(newPolicy);
    const entryMs = org.nowMs - 1;
    const entry = statementsV1.LogEntry.encode({ timeMs: BigInt(entryMs), statement }).finish();
    const early = await forgeRecord(org, statement, { entryMs, root: merkleLeafHash(entry) });
    const time = expect.objectContaining({ code: "ERR_VERIFICATION_LOG_TIME" });
    expect(() => appendRecord(org.replica, early)).toThrow(time);
    const lateEntry = await forgeRecord(org, statement, { headMs: org.nowMs });
    expect(() => appendRecord(org.replica, lateEntry)).toThrow(time);
  });

  test("accounts with a clock that went back keeps the log's time", async () => {
    const org = await TestOrg.create();
    const statement = await org.sign(newPolicy);
    const nowMs = addMs(org.nowMs, -3_600_000);
    const record = await signEntry(prepareEntry(org.replica, { statement, nowMs }), org.logKey);
    expect(appendRecord(org.replica, record).checkpoint.timeMs).toBe(org.nowMs);
  });

  test("a refused record changes nothing, and the next honest one is taken", async () => {
    const org = await TestOrg.create();
    const statement = await org.sign(newPolicy);
    const bad = await forgeRecord(org, statement, { root: new Uint8Array(32) });
    const good = await forgeRecord(org, statement, {});
    const before = structuredClone(org.state.policies);
    expect(() => appendRecord(org.replica, bad)).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_LOG_FORK" }),
    );
    expect(org.state.policies).toEqual(before);
    expect(org.state.entries).toHaveLength(org.size);
    expect(appendRecord(org.replica, good).size).toBe(org.size + 1);
  });

  test("only the newest replica of a log can be appended to", async () => {
    const org = await TestOrg.create();
    const stale = org.replica;
    await org.addMember();
    const record = org.records[stale.size];
    if (record === undefined) throw new TypeError("no record");
    expect(() => appendRecord(stale, record)).toThrow(
      expect.objectContaining({ code: "ERR_RULES_REPLICA_STALE" }),
    );
  });

  test("bytes that are no record are refused before anything else", async () => {
    const org = await TestOrg.create();
    for (const bytes of [
      new Uint8Array(0),
      new Uint8Array(40).fill(0xff),
      new Uint8Array(80_000),
    ]) {
      expect(() => appendRecord(org.replica, bytes)).toThrow(
        expect.objectContaining({ name: "CloisterError" }),
      );
    }
    expect(org.state.entries).toHaveLength(org.size);
  });

  test("a later genesis is no statement", async () => {
    const org = await TestOrg.create();
    const record = statementsV1.LogRecord.decode(org.records[0] ?? new Uint8Array(0));
    const { statement } = statementsV1.LogEntry.decode(record.entry);
    await expect(org.append(statement)).rejects.toMatchObject({
      code: "ERR_VERIFICATION_STATEMENT_UNKNOWN",
    });
  });
});
