import { formatHex, sha256 } from "@cloister/base";
import { describe, expect, test } from "vitest";
import { logRootAt } from "./state/org-state.ts";
import { orgScope, roomScope } from "./state/scope.ts";
import {
  firstDevice,
  TestOrg,
  TestRoom,
  testGrant,
  testPass,
  testSession,
} from "./testing/index.ts";

const digest = (bytes: Uint8Array) => formatHex(sha256(bytes));

describe("golden bytes of version 1", () => {
  test("a scripted log, its tokens and a handshake come out as they always have", async () => {
    const org = await TestOrg.create({ seed: "golden" });
    const bob = await org.addMember();
    const room = await org.createRoom({ members: [bob] });
    await org.setPolicy(orgScope, { factors: [{ factor: "totp", maxAgeSeconds: 60 }] });
    await org.setRole(bob, roomScope(room), undefined);
    const device = firstDevice(org.owner);
    const group = new TestRoom(org, room, device);
    await group.create();
    expect({
      org: org.id,
      size: org.size,
      root: formatHex(logRootAt(org.state, org.size)),
      session: digest((await testSession(org, device)).token),
      grant: digest(await testGrant(org, device, { room, epoch: 7n })),
      pass: digest(await testPass(org, device, { rooms: [room] })),
      commit: digest((await group.commit({ by: device })).record),
    }).toMatchInlineSnapshot(`
      {
        "commit": "a8f100ed8aa3c1a875c9bfd2455dcd322926d0182961213bad8ec84b2608d3b9",
        "grant": "d0caf46f8c850397c3ce2b4cb1c0c5479c3871e8303a5cc9b41bd345baafda12",
        "org": "org_jshk34ksnt6qwpkyomikqteloxptdaz4tt5nep2o3jr3f67jeyba",
        "pass": "18906bcc7b501419ae303553440378269e3308d10f077ebeabc16bd47ff9f508",
        "root": "70627a370c0162e99d2ae468bbd5090b5eaa685d5427318f35dcb896fbcbf510",
        "session": "70fb8d5a48ce398c024303c88c7c45bf69fa20dadebda65606cb36f68fc923d2",
        "size": 11,
      }
    `);
  });
});
