import { parseEpochMs } from "@cloister/base";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { appendRecord, openReplica } from "./log/replica.ts";
import { verifyCheckpoint } from "./log/verify-checkpoint.ts";
import { parseHandshake } from "./room/handshake.ts";
import { parseLeafCredential } from "./room/leaf.ts";
import {
  firstDevice,
  TestOrg,
  TestRoom,
  testGrant,
  testPass,
  testSession,
} from "./testing/index.ts";
import { verifyFence } from "./tokens/verify-fence.ts";
import { verifyGrant } from "./tokens/verify-grant.ts";
import { verifyPass } from "./tokens/verify-pass.ts";
import { verifyRequest } from "./tokens/verify-request.ts";
import { verifySession } from "./tokens/verify-session.ts";

const org = await TestOrg.create();
const room = await org.createRoom();
const device = firstDevice(org.owner);
const group = new TestRoom(org, room, device);
await group.create();
const { nkey } = device.certificate;
const at = org.size;
const nowMs = parseEpochMs(org.nowMs);

const readers: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  openReplica: (record) => openReplica({ record }),
  appendRecord: (record) => appendRecord(org.replica, record),
  verifyCheckpoint: (signed) => verifyCheckpoint(org.state, signed),
  verifySession: (token) => verifySession(org.state, { token, at, nowMs }),
  verifyGrant: (token) => verifyGrant(org.state, { token, at }),
  verifyPass: (token) => verifyPass(org.state, { token, at, nowMs, nkey }),
  verifyFence: (fence) => verifyFence(org.state, { fence, room, at }),
  verifyRequest: (request) => verifyRequest(org.state, { request, method: "x.y", at, nowMs }),
  parseHandshake: (record) => parseHandshake(record),
  parseLeafCredential: (bytes) => parseLeafCredential(bytes),
};

const honest = [
  org.records[0] ?? new Uint8Array(0),
  org.checkpointAt(at),
  await testGrant(org, device, { room, epoch: 0n }),
  await testPass(org, device, { rooms: [room] }),
  (await testSession(org, device)).token,
  (await group.commit({ by: device })).record,
];

/** Honest bytes with one place overwritten, cut or doubled: they get past the first checks. */
const mutated = fc
  .tuple(fc.constantFrom(...honest), fc.nat(), fc.uint8Array({ maxLength: 8 }), fc.nat(2))
  .map(([bytes, index, patch, how]) => {
    const where = index % bytes.length;
    if (how === 0) return bytes.slice(0, where);
    const rest = bytes.slice(how === 1 ? where + patch.length : where);
    return Uint8Array.of(...bytes.slice(0, where), ...patch, ...rest);
  });

describe("hostile bytes", () => {
  test.each(Object.keys(readers))("%s answers with a typed error or a verified value", (name) => {
    const read = readers[name];
    if (read === undefined) throw new TypeError("no reader");
    const size = org.state.entries.length;
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), mutated), (bytes) => {
        try {
          read(bytes);
        } catch (error) {
          expect(error).toMatchObject({
            name: "CloisterError",
            code: expect.stringMatching(/^ERR_/),
          });
          expect(error).not.toMatchObject({ kind: "Internal" });
        }
        expect(org.state.entries).toHaveLength(size);
      }),
      { numRuns: 300 },
    );
  });
});
