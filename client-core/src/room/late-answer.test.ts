import { createHash } from "node:crypto";
import { newDeviceId, newRoomId } from "@cloister/base";
import { userNkeyFromBytes } from "@cloister/proto";
import { TestOrg } from "@cloister/rules/testing";
import { expect, test } from "vitest";
import type { RoomContext } from "./context.ts";
import { reduceRoom } from "./reduce.ts";
import { newRoomState, type PendingHandshake, type RoomState } from "./state.ts";
import { withDurable } from "./steps.ts";

const random = { bytes: (length: number) => new Uint8Array(length).fill(7) };
const sha256 = (data: Uint8Array) => Uint8Array.from(createHash("sha256").update(data).digest());

async function contextOf(): Promise<RoomContext> {
  const org = await TestOrg.create();
  const { state, size } = org;
  const none = new Uint8Array(0);
  return {
    org: org.id,
    account: org.owner.id,
    device: newDeviceId(random),
    nkey: userNkeyFromBytes(new Uint8Array(32)),
    personName: "Alice",
    log: { state, size, root: none, checkpoint: none, checkedMs: 0 },
    nowMs: 0,
    isOnline: true,
    isDrained: true,
    sha256,
  };
}

function appending(kind: PendingHandshake["kind"], record: Uint8Array): RoomState {
  const pending = { kind, index: 9n, logSize: 1, record };
  const fresh = { ...newRoomState(newRoomId(random)), isAppending: true };
  return withDurable(fresh, { phase: "joining", pending });
}

const earlier = Uint8Array.of(1);
const now = Uint8Array.of(2);
const report = {
  kind: "Usage",
  code: "ERR_HANDSHAKE_CONFLICT",
  message: "another handshake came first",
  retryable: false,
} as const;

test("[F45] a late refusal of an earlier handshake leaves the one that is pending now", async () => {
  const state = appending("commit", now);
  const late = { kind: "append-refused", record: earlier, report } as const;
  const step = reduceRoom(state, late, await contextOf());
  expect(step).toEqual({ state, effects: [], goesOn: false });
});

test("[F45] a late word that an earlier commit was taken enters no room by a join", async () => {
  const state = appending("join", now);
  const late = { kind: "appended", record: earlier, index: 3n, fenceSequence: 5n } as const;
  const step = reduceRoom(state, late, await contextOf());
  expect(step).toEqual({ state, effects: [], goesOn: false });
});

test("the answer to the pending handshake itself counts", async () => {
  const state = appending("join", now);
  const answer = { kind: "appended", record: now, index: 9n, fenceSequence: 5n } as const;
  const step = reduceRoom(state, answer, await contextOf());
  expect(step.effects).toEqual([{ kind: "engine-look" }]);
});
