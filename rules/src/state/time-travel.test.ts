import { createPublicKey, verify as nativeVerify } from "node:crypto";
import { strictEd25519 } from "@cloister/base";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bodies } from "../build/bodies.ts";
import { appendRecord, openReplica } from "../log/replica.ts";
import { policyHash } from "../policy/hash.ts";
import { serviceKeys, type TestAccount, TestOrg } from "../testing/index.ts";
import { accountAt, devicesOf } from "./devices.ts";
import { inviteAt } from "./invites.ts";
import type { OrgState } from "./org-state.ts";
import { logRootAt, logTimeAt } from "./org-state.ts";
import { projectsAt, roomsAt } from "./places.ts";
import { membersOf, rolesOfAccount } from "./roles.ts";
import { orgScope, roomScope } from "./scope.ts";
import { authorisedServices } from "./services.ts";

const verify = strictEd25519(({ publicKey, message, signature }) => {
  const x = Buffer.from(publicKey).toString("base64url");
  const key = createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x } });
  return nativeVerify(undefined, message, key, signature);
});

/** Everything that a log of this size tells, by the queries. */
function answersAt(state: OrgState, at: number): unknown {
  const accounts = [...state.accounts.keys()].filter((account) =>
    accountAt(state, { account, at }),
  );
  return {
    time: logTimeAt(state, at),
    root: logRootAt(state, at),
    accounts: accounts.map((account) => ({
      key: accountAt(state, { account, at })?.key,
      devices: devicesOf(state, { account, at }),
      roles: rolesOfAccount(state, { account, at }),
    })),
    members: membersOf(state, { scope: orgScope, at }),
    projects: projectsAt(state, at),
    rooms: roomsAt(state, at).map((fact) => ({
      fact,
      members: membersOf(state, { scope: roomScope(fact.room), at }),
      policy: policyHash(state, { room: fact.room, at }),
    })),
    services: authorisedServices(state, at),
    invites: [...state.invites.keys()].flatMap((invite) => inviteAt(state, { invite, at }) ?? []),
  };
}

const acts = [
  "member",
  "room",
  "role",
  "unrole",
  "expel",
  "policy",
  "device",
  "revoke",
  "gateway",
] as const;

/** One honest act, chosen by numbers; what the rules refuse is skipped, as an owner's client would. */
async function act(org: TestOrg, what: (typeof acts)[number], pick: number): Promise<void> {
  const members: TestAccount[] = membersTold.get(org) ?? [];
  const member = members[pick % Math.max(members.length, 1)];
  const rooms = [...org.state.rooms.keys()];
  const room = rooms[pick % Math.max(rooms.length, 1)];
  if (what === "member") membersTold.set(org, [...members, await org.addMember()]);
  if (what === "room") await org.createRoom();
  if (what === "policy") await org.setPolicy(room === undefined ? orgScope : roomScope(room), {});
  if (what === "gateway") {
    const revoked = pick % 2 === 0;
    await org.submit(bodies.gatewaySet({ ...serviceKeys(org.gateway), revoked }));
  }
  if (member === undefined) return;
  if (what === "expel") await org.setRole(member, orgScope, pick % 2 === 0 ? "user" : undefined);
  const [first, second] = member.devices;
  if (what === "device" && second === undefined) await org.addDevice(member);
  if (what === "revoke" && first !== undefined && second !== undefined) {
    await org.revokeDevice(member, first, second);
  }
  if (room === undefined) return;
  if (what === "role")
    await org.setRole(member, roomScope(room), pick % 2 === 0 ? "user" : "owner");
  if (what === "unrole") await org.setRole(member, roomScope(room), undefined);
}

const membersTold = new WeakMap<TestOrg, TestAccount[]>();

describe("time travel", () => {
  test("a query at a size answers as a replica that ends there, whatever came later", async () => {
    const steps = fc.array(fc.tuple(fc.constantFrom(...acts), fc.nat(9)), {
      minLength: 10,
      maxLength: 25,
    });
    await fc.assert(
      fc.asyncProperty(steps, async (chosen) => {
        const org = await TestOrg.create({ verify });
        for (const [what, pick] of [["member", 0], ["room", 0], ...chosen] as typeof chosen) {
          await act(org, what, pick).catch((error: unknown) => {
            expect(error).toMatchObject({ name: "CloisterError" });
          });
        }
        const [genesis, ...rest] = org.records;
        if (genesis === undefined) throw new TypeError("no genesis");
        let replica = openReplica({ record: genesis, verify });
        expect(answersAt(org.state, 1)).toEqual(answersAt(replica.state, 1));
        for (const record of rest) {
          replica = appendRecord(replica, record);
          expect(answersAt(org.state, replica.size)).toEqual(
            answersAt(replica.state, replica.size),
          );
        }
      }),
      { numRuns: 12 },
    );
  });
});
