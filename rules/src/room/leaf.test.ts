import { addMs } from "@cloister/base";
import { expect, test } from "vitest";
import { orgScope, roomScope } from "../state/scope.ts";
import { firstDevice, TestOrg, TestRoom, testDevice } from "../testing/index.ts";
import { encodeLeafCredential, entitlement, parseLeafCredential } from "./leaf.ts";

const org = await TestOrg.create();
const bob = await org.addMember();
const room = await org.createRoom({ members: [bob] });
const group = new TestRoom(org, room, firstDevice(org.owner));
const own = group.leafOf(firstDevice(bob));
const identity = parseLeafCredential(own.credential);
const ask = (leaf: typeof own, at = org.size) => entitlement(org.state, { room, leaf, at });

test("a member's live device with its certified key is entitled, and only from its certificate on", () => {
  expect(ask(own)).toEqual({ entitled: true, identity });
  expect(ask(own, 3)).toMatchObject({ entitled: false, reason: "unknown-device" });
});

test("a leaf of another org, account, device or key is told by its reason", async () => {
  const other = await TestOrg.create({ seed: "other" });
  const withIdentity = (change: Partial<typeof identity>) => ({
    ...own,
    credential: encodeLeafCredential({ ...identity, ...change }),
  });
  const stranger = testDevice(bob.id, org.random).certificate.device;
  const cases = [
    { leaf: { ...own, credential: Uint8Array.of(1, 2) }, reason: "malformed" },
    { leaf: withIdentity({ org: other.id }), reason: "other-org" },
    { leaf: withIdentity({ device: stranger }), reason: "unknown-device" },
    { leaf: withIdentity({ account: org.owner.id }), reason: "other-account" },
    { leaf: { ...own, signatureKey: new Uint8Array(32) }, reason: "other-key" },
  ];
  for (const { leaf, reason } of cases)
    expect(ask(leaf)).toMatchObject({ entitled: false, reason });
});

test("a role in the room, a role in the org and a live device are each needed", async () => {
  const second = await org.addDevice(bob);
  await org.revokeDevice(bob, second, firstDevice(bob));
  expect(ask(group.leafOf(second))).toMatchObject({ reason: "revoked" });
  const inside = org.size;
  await org.setRole(bob, roomScope(room), undefined);
  expect(ask(own)).toMatchObject({ reason: "no-room-role" });
  await org.setRole(bob, orgScope, undefined);
  expect(ask(own)).toMatchObject({ reason: "no-role" });
  expect(ask(own, inside)).toMatchObject({ entitled: true });
});

test("a device without expiry does not expire, however late the log's time", () => {
  const timeMs = addMs(org.nowMs, 1e12);
  const leaf = group.leafOf(firstDevice(org.owner));
  expect(entitlement(org.state, { room, leaf, at: org.size, timeMs })).toMatchObject({
    entitled: true,
  });
});
