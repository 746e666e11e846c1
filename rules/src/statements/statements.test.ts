import {
  addMs,
  concatBytes,
  idBytes,
  newGroupId,
  newInviteId,
  newProjectId,
  newStatementId,
  signingInput,
} from "@cloister/base";
import { statementsV1 } from "@cloister/proto";
import { beforeEach, describe, expect, test } from "vitest";
import { bodies } from "../build/bodies.ts";
import { logRootAt } from "../state/org-state.ts";
import { isMember, roleOf } from "../state/roles.ts";
import { orgScope, projectScope, roomScope } from "../state/scope.ts";
import {
  firstDevice,
  forgeStatement,
  noPolicy,
  serviceKeys,
  TestOrg,
  testKey,
  testService,
} from "../testing/index.ts";
import type { Body } from "./judgement.ts";

const rejectedAs = (code: string) => ({ code });

describe("statements refused whatever they say", () => {
  let org: TestOrg;
  const policy: Body = bodies.policySet({ scope: orgScope, policy: noPolicy });

  beforeEach(async () => {
    org = await TestOrg.create();
  });

  test("replayed", async () => {
    const statement = await org.sign(policy);
    await org.append(statement);
    await expect(org.append(statement)).rejects.toMatchObject(
      rejectedAs("ERR_VERIFICATION_STATEMENT_REPLAYED"),
    );
  });

  test("replayed under a new id: the signature covers the id", async () => {
    const record = statementsV1.SignedStatement.decode(await org.sign(policy));
    const payload = statementsV1.Statement.decode(record.content?.value ?? new Uint8Array(0));
    const statementId = idBytes(newStatementId(org.random));
    const value = statementsV1.Statement.encode({ ...payload, statementId }).finish();
    const forged = { ...record, content: { $case: "statement", value } as const };
    await expect(
      org.append(statementsV1.SignedStatement.encode(forged).finish()),
    ).rejects.toMatchObject(rejectedAs("ERR_VERIFICATION_STATEMENT_SIGNATURE"));
  });

  test("from another org, though it has the same keys and the same position", async () => {
    const other = await TestOrg.create({ seed: "other" });
    await expect(other.append(await org.sign(policy))).rejects.toMatchObject(
      rejectedAs("ERR_VERIFICATION_STATEMENT_CHECKPOINT"),
    );
    const signedForOther = await forgeStatement(org, {
      body: policy,
      version: 0,
      signedAs: { org: other.id },
    });
    await expect(org.append(signedForOther)).rejects.toMatchObject(
      rejectedAs("ERR_VERIFICATION_STATEMENT_SIGNATURE"),
    );
  });

  test("re-encoded: the same meaning in other bytes under the old signature", async () => {
    const record = statementsV1.SignedStatement.decode(await org.sign(policy));
    // Field 4 (changes_version) once more, in the default value that it has already.
    const value = concatBytes(record.content?.value ?? new Uint8Array(0), Uint8Array.of(0x20, 0));
    const meaning = statementsV1.Statement.decode(value);
    expect(meaning).toEqual(
      statementsV1.Statement.decode(record.content?.value ?? new Uint8Array(0)),
    );
    const forged = { ...record, content: { $case: "statement", value } as const };
    await expect(
      org.append(statementsV1.SignedStatement.encode(forged).finish()),
    ).rejects.toMatchObject(rejectedAs("ERR_VERIFICATION_STATEMENT_SIGNATURE"));
  });

  test("signed by the device's nkey, leaf key or a session key, or with no signature too many", async () => {
    const device = firstDevice(org.owner);
    const { ed25519 } = await import("@noble/curves/ed25519.js");
    const nkey = { sign: async (input: Uint8Array) => ed25519.sign(input, device.nkeySeed) };
    const session = testKey("session", org.random);
    const wrong = [[nkey], [device.leaf], [session], [org.owner.keys[0] ?? session]];
    const tooMany = [[device.statement, device.statement], []];
    for (const signers of [...wrong, ...tooMany]) {
      const forged = await forgeStatement(org, { body: policy, version: 0, signers });
      await expect(org.append(forged)).rejects.toMatchObject({
        code: signers.length === 0 ? "ERR_MESSAGE_INVALID" : "ERR_VERIFICATION_STATEMENT_SIGNATURE",
      });
    }
  });

  test("signed as another type: a request or handshake is no statement", async () => {
    for (const type of ["request", "handshake", "genesis"]) {
      const forged = await forgeStatement(org, { body: policy, version: 0, signedAs: { type } });
      await expect(org.append(forged)).rejects.toMatchObject(
        rejectedAs("ERR_VERIFICATION_STATEMENT_SIGNATURE"),
      );
    }
  });

  test("of an unknown critical version or an unknown type", async () => {
    const critical = { body: policy, version: 0, fields: { criticalVersion: 2 } };
    for (const options of [critical, { body: undefined, version: 0 }]) {
      await expect(org.append(await forgeStatement(org, options))).rejects.toMatchObject(
        rejectedAs("ERR_VERIFICATION_STATEMENT_UNKNOWN"),
      );
    }
  });

  test("of an unknown role or factor", async () => {
    const role: Body = {
      $case: "roleSet",
      value: {
        scope: { projectId: new Uint8Array(0), roomId: new Uint8Array(0) },
        accountId: idBytes(org.owner.id),
        role: 3 as statementsV1.Role,
      },
    };
    await expect(
      org.append(await forgeStatement(org, { body: role, version: 1 })),
    ).rejects.toMatchObject(rejectedAs("ERR_MESSAGE_INVALID"));
  });

  test("with an unknown field that is not critical it is taken, and its bytes stay", async () => {
    const payload = concatBytes(
      statementsV1.Statement.encode({
        statementId: idBytes(newStatementId(org.random)),
        checkpointSize: BigInt(org.size),
        checkpointRoot: logRootAt(org.state, org.size),
        changesVersion: 0n,
        criticalVersion: 1,
        deviceId: idBytes(firstDevice(org.owner).certificate.device),
        body: policy,
      }).finish(),
      // Field 100, varint 1.
      Uint8Array.of(0xa0, 0x06, 0x01),
    );
    const signature = await firstDevice(org.owner).statement.sign(
      signingInput("statement", org.id, payload),
    );
    const record = await org.append(
      statementsV1.SignedStatement.encode({
        content: { $case: "statement", value: payload },
        signatures: [signature],
      }).finish(),
    );
    expect(Buffer.from(record).includes(payload)).toBe(true);
  });

  test("made for a checkpoint that this log never had", async () => {
    const cases = [
      { checkpointSize: 0n },
      { checkpointSize: BigInt(org.size + 1) },
      { checkpointRoot: new Uint8Array(32) },
      { checkpointSize: 2n ** 60n },
    ];
    for (const fields of cases) {
      const forged = await forgeStatement(org, { body: policy, version: 0, fields });
      await expect(org.append(forged)).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_VERIFICATION_(STATEMENT_CHECKPOINT|LOG_POSITION)$/),
      });
    }
  });

  test("of another version than the current one", async () => {
    await org.submit(policy);
    for (const version of [0, 2, 9]) {
      await expect(
        org.append(await forgeStatement(org, { body: policy, version })),
      ).rejects.toMatchObject(rejectedAs("ERR_VERIFICATION_STATEMENT_VERSION"));
    }
    await org.append(await forgeStatement(org, { body: policy, version: 1 }));
  });

  test("two that change the same: the second to arrive is refused, and taken once made anew", async () => {
    const [first, second] = [await org.sign(policy), await org.sign(policy)];
    await org.append(first);
    await expect(org.append(second)).rejects.toMatchObject(
      rejectedAs("ERR_VERIFICATION_STATEMENT_VERSION"),
    );
    await org.submit(policy);
  });

  test("by a device that the log does not know, or by none", async () => {
    const other = await TestOrg.create({ seed: "other" });
    for (const device of [firstDevice(other.owner), null]) {
      const forged = await forgeStatement(org, {
        body: policy,
        version: 0,
        device,
        signers: [firstDevice(other.owner).statement],
      });
      await expect(org.append(forged)).rejects.toMatchObject(
        rejectedAs("ERR_VERIFICATION_STATEMENT_SIGNER"),
      );
    }
  });
});

describe("rights", () => {
  test("[F12] a user of the org states nothing that an owner states", async () => {
    const org = await TestOrg.create();
    const bob = await org.addMember();
    const room = await org.createRoom({ members: [bob] });
    const gateway = testService("gateway", org.random);
    const forbidden: Body[] = [
      bodies.roleSet({ scope: roomScope(room), account: bob.id, role: "owner" }),
      bodies.roleSet({ scope: orgScope, account: bob.id, role: "owner" }),
      bodies.policySet({ scope: roomScope(room), policy: noPolicy }),
      bodies.projectCreated({ project: newProjectId(org.random), name: "mine" }),
      bodies.gatewaySet({ ...serviceKeys(gateway), revoked: false }),
      bodies.relaySet({ ...serviceKeys(testService("relay", org.random)), revoked: false }),
      bodies.inviteIssued({
        invite: newInviteId(org.random),
        inviteKey: testKey("invitation", org.random).publicKey,
        grants: [{ scope: orgScope, role: "user" }],
        expiresMs: addMs(org.nowMs, 60_000),
      }),
    ];
    for (const body of forbidden) {
      const device = firstDevice(bob);
      await expect(org.sign(body, { device })).rejects.toMatchObject({
        code: "ERR_POLICY_STATEMENT_RIGHT",
      });
      const version = body.$case === "roleSet" ? 1 : 0;
      const forged = await forgeStatement(org, { body, version, device });
      await expect(org.append(forged)).rejects.toMatchObject({
        code: "ERR_POLICY_STATEMENT_RIGHT",
      });
    }
  });

  test("[F11] [F12] an owner rules his level and below, and nothing above or beside it", async () => {
    const org = await TestOrg.create();
    const [pia, rob] = [await org.addMember(), await org.addMember()];
    const [own, other] = [await org.createProject(), await org.createProject()];
    await org.setRole(pia, projectScope(own), "owner");
    const room = await org.createRoom({ project: own });
    const beside = await org.createRoom({ project: other });
    await org.setRole(rob, roomScope(room), "owner");
    const grant = (scope: Parameters<typeof roomScope>[0], by: typeof pia) =>
      org.submit(bodies.roleSet({ scope: roomScope(scope), account: pia.id, role: "user" }), {
        device: firstDevice(by),
      });
    await grant(room, pia);
    await grant(room, rob);
    for (const by of [pia, rob]) {
      await expect(grant(beside, by)).rejects.toMatchObject({ code: "ERR_POLICY_STATEMENT_RIGHT" });
    }
    const project = bodies.policySet({ scope: projectScope(own), policy: noPolicy });
    await org.submit(project, { device: firstDevice(pia) });
    await expect(org.submit(project, { device: firstDevice(rob) })).rejects.toMatchObject({
      code: "ERR_POLICY_STATEMENT_RIGHT",
    });
    await expect(
      org.submit(bodies.policySet({ scope: orgScope, policy: noPolicy }), {
        device: firstDevice(pia),
      }),
    ).rejects.toMatchObject({ code: "ERR_POLICY_STATEMENT_RIGHT" });
  });

  test("a right ends with the role, at the very next position", async () => {
    const org = await TestOrg.create();
    const bob = await org.addMember();
    const device = firstDevice(bob);
    const room = await org.createRoom();
    await org.setRole(bob, roomScope(room), "owner");
    const body = bodies.policySet({ scope: roomScope(room), policy: noPolicy });
    const late = await org.sign(body, { device });
    await org.setRole(bob, roomScope(room), "user");
    await expect(org.append(late)).rejects.toMatchObject({ code: "ERR_POLICY_STATEMENT_RIGHT" });
    await org.setRole(bob, orgScope, undefined);
    await expect(org.append(late)).rejects.toMatchObject({
      code: "ERR_VERIFICATION_STATEMENT_SIGNER",
    });
  });

  test("roles above give no membership; with the role in the org those below end for good", async () => {
    const org = await TestOrg.create();
    const bob = await org.addMember();
    const project = await org.createProject();
    await org.setRole(bob, projectScope(project), "owner");
    const room = await org.createRoom({ project });
    expect(isMember(org.state, { account: bob.id, room, at: org.size })).toBe(false);
    await org.setRole(bob, roomScope(room), "user");
    const inside = org.size;
    await org.setRole(bob, orgScope, undefined);
    await org.setRole(bob, orgScope, "user");
    const at = org.size;
    expect(isMember(org.state, { account: bob.id, room, at })).toBe(false);
    expect(
      roleOf(org.state, { account: bob.id, scope: projectScope(project), at }),
    ).toBeUndefined();
    expect(isMember(org.state, { account: bob.id, room, at: inside })).toBe(true);
  });

  test("the last owner of the org stays; with a second one he may go", async () => {
    const org = await TestOrg.create();
    for (const role of ["user", undefined] as const) {
      await expect(org.setRole(org.owner, orgScope, role)).rejects.toMatchObject({
        code: "ERR_POLICY_LAST_OWNER",
      });
    }
    const bob = await org.addMember();
    await org.setRole(bob, orgScope, "owner");
    await org.setRole(org.owner, orgScope, undefined);
    const body = bodies.roleSet({ scope: orgScope, account: bob.id, role: undefined });
    await expect(org.submit(body, { device: firstDevice(bob) })).rejects.toMatchObject({
      code: "ERR_POLICY_LAST_OWNER",
    });
  });

  test("a role below needs one in the org", async () => {
    const org = await TestOrg.create();
    const bob = await org.addMember();
    const room = await org.createRoom();
    await org.setRole(bob, orgScope, undefined);
    await expect(org.setRole(bob, roomScope(room), "user")).rejects.toMatchObject({
      code: "ERR_POLICY_ROLE_WITHOUT_ORG",
    });
  });

  test("a scope has one spelling: project and room together are refused", async () => {
    const org = await TestOrg.create();
    const project = await org.createProject();
    const room = await org.createRoom({ project });
    const scope = { projectId: idBytes(project), roomId: idBytes(room) };
    const body: Body = {
      $case: "roleSet",
      value: { scope, accountId: idBytes(org.owner.id), role: 1 },
    };
    await expect(org.append(await forgeStatement(org, { body, version: 0 }))).rejects.toMatchObject(
      {
        code: "ERR_VERIFICATION_STATEMENT_SUBJECT",
      },
    );
  });

  test("a room takes no group id of another, no unknown suite and no newer rules", async () => {
    const org = await TestOrg.create();
    const project = await org.createProject();
    const first = await org.createRoom({ project });
    const groupId = org.state.rooms.get(first)?.groupId;
    if (groupId === undefined) throw new TypeError("no room");
    const base = {
      roomId: new Uint8Array(16).fill(9),
      projectId: idBytes(project),
      groupId: new Uint8Array(32).fill(9),
      suite: 3,
      rulesVersion: 1,
    };
    const refused = [
      { change: { groupId: idBytes(groupId) }, code: "ERR_VERIFICATION_STATEMENT_SUBJECT" },
      { change: { suite: 1 }, code: "ERR_VERIFICATION_STATEMENT_UNKNOWN" },
      { change: { rulesVersion: 2 }, code: "ERR_VERIFICATION_STATEMENT_UNKNOWN" },
      { change: { roomId: idBytes(first) }, code: "ERR_VERIFICATION_STATEMENT_VERSION" },
      { change: { projectId: new Uint8Array(16) }, code: "ERR_POLICY_STATEMENT_RIGHT" },
    ];
    for (const { change, code } of refused) {
      const body: Body = { $case: "roomCreated", value: { ...base, ...change } };
      await expect(
        org.append(await forgeStatement(org, { body, version: 0 })),
      ).rejects.toMatchObject({ code });
    }
  });

  test("what exists is not made again over it, whatever version is stated", async () => {
    const org = await TestOrg.create();
    const [project, other] = [await org.createProject(), await org.createProject()];
    const room = await org.createRoom({ project });
    const thief = testKey("invitation", org.random);
    const invite = newInviteId(org.random);
    const issue = bodies.inviteIssued({
      invite,
      inviteKey: thief.publicKey,
      grants: [{ scope: orgScope, role: "owner" }],
      expiresMs: addMs(org.nowMs, 60_000),
    });
    await org.submit(issue);
    const again: Body[] = [
      bodies.projectCreated({ project, name: "another" }),
      bodies.roomCreated({ room, project: other, groupId: newGroupId(org.random) }),
      issue,
    ];
    for (const body of again) {
      for (const version of [0, 1, 2]) {
        await expect(
          org.append(await forgeStatement(org, { body, version })),
        ).rejects.toMatchObject({
          code: "ERR_VERIFICATION_STATEMENT_VERSION",
        });
      }
      await expect(org.sign(body)).rejects.toMatchObject({
        code: "ERR_VERIFICATION_STATEMENT_VERSION",
      });
    }
  });

  test("a gateway revoked is out of the state; its keys serve nobody else", async () => {
    const org = await TestOrg.create();
    const { gateway } = org;
    await org.submit(bodies.gatewaySet({ ...serviceKeys(gateway), revoked: true }));
    const relay = testService("relay", org.random);
    const reused = bodies.relaySet({
      ...serviceKeys(relay),
      natsSigningKey: gateway.natsSigningKey,
      revoked: false,
    });
    await expect(org.submit(reused)).rejects.toMatchObject({ code: "ERR_VERIFICATION_KEY_REUSED" });
    const unknown = bodies.relaySet({ ...serviceKeys(relay), revoked: true });
    await expect(org.submit(unknown)).rejects.toMatchObject({
      code: "ERR_VERIFICATION_STATEMENT_SUBJECT",
    });
  });
});
