import { addMs, idBytes, newInviteId, publicKeyBytes } from "@cloister/base";
import { beforeEach, describe, expect, test } from "vitest";
import { bodies } from "../build/bodies.ts";
import { accountAt, deviceAt, deviceByNkey } from "../state/devices.ts";
import { inviteAt } from "../state/invites.ts";
import { isMember, roleOf } from "../state/roles.ts";
import { orgScope, roomScope } from "../state/scope.ts";
import {
  accountKey,
  firstDevice,
  forgeStatement,
  noPolicy,
  ownerFact,
  type TestAccount,
  TestOrg,
  testAccount,
  testDevice,
  testKey,
} from "../testing/index.ts";

let org: TestOrg;
beforeEach(async () => {
  org = await TestOrg.create();
});

async function issue(by: TestAccount = org.owner, lifeMs = 3_600_000) {
  const key = testKey("invitation", org.random);
  const invite = newInviteId(org.random);
  const body = bodies.inviteIssued({
    invite,
    inviteKey: key.publicKey,
    grants: [{ scope: orgScope, role: "user" }],
    expiresMs: addMs(org.nowMs, lifeMs),
  });
  await org.submit(body, { device: firstDevice(by) });
  return { invite, key };
}

type Issued = Awaited<ReturnType<typeof issue>>;

function acceptance({ invite, key }: Issued, account: TestAccount, version = 1) {
  return forgeStatement(org, {
    body: bodies.inviteAccepted({ invite, ...ownerFact(account) }),
    version,
    device: null,
    signers: [key, accountKey(account)],
  });
}

describe("invitations", () => {
  test("one accepted registers account, key and device with the roles granted", async () => {
    const room = await org.createRoom();
    const bob = await org.addMember([
      { scope: orgScope, role: "user" },
      { scope: roomScope(room), role: "owner" },
    ]);
    const at = org.size;
    expect(roleOf(org.state, { account: bob.id, scope: roomScope(room), at })).toBe("owner");
    expect(accountAt(org.state, { account: bob.id, at })?.key).toBe(accountKey(bob).publicKey);
    const { nkey, device } = firstDevice(bob).certificate;
    expect(deviceByNkey(org.state, { nkey, at })).toMatchObject({
      status: "live",
      certificate: { device },
    });
    expect(deviceByNkey(org.state, { nkey, at: at - 1 })).toBeUndefined();
  });

  test("reused", async () => {
    const issued = await issue();
    await org.append(await acceptance(issued, testAccount(org.random)));
    for (const version of [1, 2]) {
      const again = await acceptance(issued, testAccount(org.random), version);
      await expect(org.append(again)).rejects.toMatchObject({ code: "ERR_POLICY_INVITE_USED" });
    }
  });

  test("expired in log time, whatever a clock says", async () => {
    const issued = await issue(org.owner, 5_000);
    const statement = await acceptance(issued, testAccount(org.random));
    // It was issued in the entry a second after its expiry was set: 4 s are left.
    await expect(org.append(statement, addMs(org.nowMs, 4_000))).rejects.toMatchObject({
      code: "ERR_POLICY_INVITE_EXPIRED",
    });
    await org.append(statement, addMs(org.nowMs, 3_999));
  });

  test("the invitee's key swapped on the way", async () => {
    const issued = await issue();
    const [bob, thief] = [testAccount(org.random), testAccount(org.random)];
    const { invite, key } = issued;
    const body = bodies.inviteAccepted({
      invite,
      ...ownerFact(bob),
      accountKey: accountKey(thief).publicKey,
    });
    const unsigned = { body, version: 1, device: null };
    for (const signers of [
      [key, accountKey(bob)],
      [accountKey(thief), accountKey(thief)],
      [testKey("invitation", org.random), accountKey(thief)],
    ]) {
      await expect(
        org.append(await forgeStatement(org, { ...unsigned, signers })),
      ).rejects.toMatchObject({ code: "ERR_VERIFICATION_STATEMENT_SIGNATURE" });
    }
    const device = { ...ownerFact(bob), device: ownerFact(thief).device };
    const swapped = bodies.inviteAccepted({ invite, ...device });
    const signers = [key, accountKey(bob)];
    await expect(
      org.append(await forgeStatement(org, { body: swapped, version: 1, device: null, signers })),
    ).rejects.toMatchObject({ code: "ERR_VERIFICATION_STATEMENT_SUBJECT" });
  });

  test("its issuer is no owner any more", async () => {
    const carol = await org.addMember();
    await org.setRole(carol, orgScope, "owner");
    const issued = await issue(carol);
    await org.setRole(carol, orgScope, "user");
    await expect(
      org.append(await acceptance(issued, testAccount(org.random))),
    ).rejects.toMatchObject({
      code: "ERR_POLICY_INVITE_CLOSED",
    });
  });

  test("the device that issued it was revoked: a thief's invitation does not outlive his loot", async () => {
    const second = await org.addDevice(org.owner);
    const issued = await issue();
    await org.revokeDevice(org.owner, firstDevice(org.owner), second);
    const at = org.size;
    expect(inviteAt(org.state, { invite: issued.invite, at })?.status).toBe("closed");
    expect(inviteAt(org.state, { invite: issued.invite, at: at - 1 })?.status).toBe("open");
    await expect(
      org.append(await acceptance(issued, testAccount(org.random))),
    ).rejects.toMatchObject({
      code: "ERR_POLICY_INVITE_CLOSED",
    });
  });

  test("unknown, or of another org", async () => {
    const issued = { invite: newInviteId(org.random), key: testKey("invitation", org.random) };
    await expect(
      org.append(await acceptance(issued, testAccount(org.random))),
    ).rejects.toMatchObject({
      code: "ERR_POLICY_INVITE_UNKNOWN",
    });
  });

  test("accepted for an account that exists: it would give that account another key", async () => {
    const bob = await org.addMember();
    const issued = await issue();
    const thief = { ...testAccount(org.random), id: bob.id };
    thief.devices.splice(0, 1, testDevice(bob.id, org.random));
    await expect(org.append(await acceptance(issued, thief))).rejects.toMatchObject({
      code: "ERR_VERIFICATION_STATEMENT_SUBJECT",
    });
  });

  test("accepted with a key that serves somebody or something else already", async () => {
    const issued = await issue();
    const [bob, alice] = [ownerFact(testAccount(org.random)), firstDevice(org.owner).certificate];
    const ownAccount = testAccount(org.random);
    for (const device of [
      { ...bob.device, nkey: alice.nkey },
      { ...bob.device, leafKey: alice.leafKey },
      { ...bob.device, statementKey: alice.statementKey },
    ]) {
      const body = bodies.inviteAccepted({
        invite: issued.invite,
        account: bob.account,
        accountKey: accountKey(ownAccount).publicKey,
        device,
      });
      const signers = [issued.key, accountKey(ownAccount)];
      const forged = await forgeStatement(org, { body, version: 1, device: null, signers });
      await expect(org.append(forged)).rejects.toMatchObject({
        code: "ERR_VERIFICATION_KEY_REUSED",
      });
    }
  });

  test("without a role in the org, or naming a level twice, none is issued", async () => {
    const room = await org.createRoom();
    const orgUser = { scope: orgScope, role: "user" } as const;
    for (const grants of [
      [{ scope: roomScope(room), role: "user" } as const],
      [orgUser, { ...orgUser, role: "owner" } as const],
    ]) {
      await expect(org.addMember(grants)).rejects.toMatchObject({
        code: "ERR_VERIFICATION_STATEMENT_SUBJECT",
      });
    }
  });
});

describe("devices", () => {
  let bob: TestAccount;
  beforeEach(async () => {
    bob = await org.addMember();
  });

  test("a further device needs the account key and a live device of the account", async () => {
    const device = testDevice(bob.id, org.random);
    const body = bodies.deviceCertified(device.certificate);
    const first = firstDevice(bob);
    const forged = (options: {
      readonly by: typeof first;
      readonly signers: readonly (typeof first.statement | ReturnType<typeof accountKey>)[];
    }) => forgeStatement(org, { body, version: 0, device: options.by, signers: options.signers });
    const owner = firstDevice(org.owner);
    const cases = [
      { by: first, signers: [first.statement], code: "ERR_VERIFICATION_STATEMENT_SIGNATURE" },
      { by: first, signers: [accountKey(bob)], code: "ERR_VERIFICATION_STATEMENT_SIGNATURE" },
      {
        by: first,
        signers: [first.statement, accountKey(bob)],
        code: "ERR_VERIFICATION_STATEMENT_SIGNATURE",
      },
      {
        by: first,
        signers: [accountKey(org.owner), first.statement],
        code: "ERR_VERIFICATION_STATEMENT_SIGNATURE",
      },
      {
        by: owner,
        signers: [accountKey(bob), owner.statement],
        code: "ERR_POLICY_STATEMENT_RIGHT",
      },
    ];
    for (const { code, ...options } of cases) {
      await expect(org.append(await forged(options))).rejects.toMatchObject({ code });
    }
    await org.append(await forged({ by: first, signers: [accountKey(bob), first.statement] }));
  });

  test("a revoked device certifies nothing again: not itself, not another", async () => {
    const second = await org.addDevice(bob);
    const stolen = firstDevice(bob);
    const oldKey = accountKey(bob);
    await org.revokeDevice(bob, stolen, second);
    const again = bodies.deviceCertified(stolen.certificate);
    const other = bodies.deviceCertified(testDevice(bob.id, org.random).certificate);
    for (const body of [again, other]) {
      const byItself = await forgeStatement(org, {
        body,
        version: 0,
        device: stolen,
        signers: [oldKey, stolen.statement],
      });
      await expect(org.append(byItself)).rejects.toMatchObject({
        code: "ERR_VERIFICATION_STATEMENT_SIGNER",
      });
    }
    for (const version of [0, 2]) {
      const byTheOther = await forgeStatement(org, {
        body: again,
        version,
        device: second,
        signers: [accountKey(bob), second.statement],
      });
      await expect(org.append(byTheOther)).rejects.toMatchObject({
        code: "ERR_VERIFICATION_STATEMENT_VERSION",
      });
    }
  });

  test("a revoked device's keys come back under no other id", async () => {
    const second = await org.addDevice(bob);
    await org.revokeDevice(bob, firstDevice(bob), second);
    const disguised = { ...testDevice(bob.id, org.random).certificate };
    const { statementKey } = firstDevice(bob).certificate;
    const body = bodies.deviceCertified({ ...disguised, statementKey });
    await expect(
      org.submit(body, { device: second, keys: [accountKey(bob)] }),
    ).rejects.toMatchObject({ code: "ERR_VERIFICATION_KEY_REUSED" });
  });

  test("the old account key counts for nothing after DeviceRevoked", async () => {
    const second = await org.addDevice(bob);
    const oldKey = accountKey(bob);
    await org.revokeDevice(bob, firstDevice(bob), second);
    const body = bodies.deviceCertified(testDevice(bob.id, org.random).certificate);
    const forged = await forgeStatement(org, {
      body,
      version: 0,
      device: second,
      signers: [oldKey, second.statement],
    });
    await expect(org.append(forged)).rejects.toMatchObject({
      code: "ERR_VERIFICATION_STATEMENT_SIGNATURE",
    });
    await org.addDevice(bob, second);
    expect(accountAt(org.state, { account: bob.id, at: org.size })?.key).not.toBe(oldKey.publicKey);
  });

  test("a revocation needs another live device, the key in force and the new key, which is fresh", async () => {
    const second = await org.addDevice(bob);
    const newKey = testKey("account", org.random);
    const first = firstDevice(bob);
    const revoke = (device: typeof first, key = newKey) =>
      bodies.deviceRevoked({
        account: bob.id,
        device: device.certificate.device,
        newAccountKey: key.publicKey,
      });
    const cases = [
      {
        body: revoke(second),
        device: second,
        signers: [accountKey(bob), second.statement, newKey],
        code: "ERR_POLICY_STATEMENT_RIGHT",
      },
      {
        body: revoke(first),
        device: second,
        signers: [accountKey(bob), second.statement],
        code: "ERR_VERIFICATION_STATEMENT_SIGNATURE",
      },
      {
        body: revoke(first),
        device: second,
        signers: [newKey, second.statement, newKey],
        code: "ERR_VERIFICATION_STATEMENT_SIGNATURE",
      },
      {
        body: revoke(first, accountKey(bob)),
        device: second,
        signers: [accountKey(bob), second.statement, accountKey(bob)],
        code: "ERR_VERIFICATION_KEY_REUSED",
      },
      {
        body: revoke(first),
        device: firstDevice(org.owner),
        signers: [accountKey(bob), firstDevice(org.owner).statement, newKey],
        code: "ERR_POLICY_STATEMENT_RIGHT",
      },
    ];
    for (const { code, ...options } of cases) {
      const forged = await forgeStatement(org, { version: 1, ...options });
      await expect(org.append(forged)).rejects.toMatchObject({ code });
    }
  });

  test("a key of another purpose or device is certified by nobody", async () => {
    const device = testDevice(bob.id, org.random).certificate;
    const alice = firstDevice(org.owner).certificate;
    const shared = {
      $case: "deviceCertified",
      value: {
        device: {
          deviceId: idBytes(device.device),
          accountId: idBytes(device.account),
          statementKey: publicKeyBytes(device.statementKey),
          leafKey: publicKeyBytes(device.statementKey),
          nkey: publicKeyBytes(device.leafKey),
          expiresMs: 0n,
        },
      },
    } as const;
    const bodiesToRefuse = [
      shared,
      bodies.deviceCertified({ ...device, nkey: alice.nkey }),
      bodies.deviceCertified({ ...device, leafKey: alice.leafKey }),
    ];
    for (const body of bodiesToRefuse) {
      await expect(
        org.submit(body, { device: firstDevice(bob), keys: [accountKey(bob)] }),
      ).rejects.toMatchObject({ code: "ERR_VERIFICATION_KEY_REUSED" });
    }
  });

  test("a device expires in log time and signs nothing afterwards", async () => {
    const device = testDevice(bob.id, org.random);
    const expiresMs = addMs(org.nowMs, 3_000);
    const certificate = { ...device.certificate, expiresMs };
    await org.submit(bodies.deviceCertified(certificate), {
      device: firstDevice(bob),
      keys: [accountKey(bob)],
    });
    const id = certificate.device;
    expect(deviceAt(org.state, { device: id, at: org.size })?.status).toBe("live");
    const view = deviceAt(org.state, { device: id, at: org.size, timeMs: expiresMs });
    expect(view?.status).toBe("expired");
    const room = await org.createRoom();
    await org.setRole(bob, roomScope(room), "owner");
    const body = bodies.policySet({ scope: roomScope(room), policy: noPolicy });
    const forged = await forgeStatement(org, {
      body,
      version: 0,
      device: { ...device, certificate },
    });
    await expect(org.append(forged)).rejects.toMatchObject({
      code: "ERR_VERIFICATION_STATEMENT_SIGNER",
    });
  });
});

describe("recovery", () => {
  test("a recovery key replaces the owners: the old ones are out, with every role", async () => {
    const room = await org.createRoom();
    const carol = await org.addMember();
    const heir = testAccount(org.random);
    await org.submit(bodies.ownersReplaced([ownerFact(heir)]), {
      device: null,
      keys: [org.recovery],
    });
    const at = org.size;
    const role = (account: TestAccount) =>
      roleOf(org.state, { account: account.id, scope: orgScope, at });
    expect([role(heir), role(org.owner), role(carol)]).toEqual(["owner", undefined, "user"]);
    expect(isMember(org.state, { account: org.owner.id, room, at })).toBe(false);
    await expect(org.setPolicy(orgScope, {})).rejects.toMatchObject({
      code: "ERR_VERIFICATION_STATEMENT_SIGNER",
    });
    const body = bodies.policySet({ scope: orgScope, policy: noPolicy });
    await org.submit(body, { device: firstDevice(heir) });
  });

  test("an owner restored to his account gets key and device, and loses those that were stolen", async () => {
    const stolen = firstDevice(org.owner);
    const issued = await issue();
    const restored: TestAccount = {
      ...testAccount(org.random),
      id: org.owner.id,
      devices: [testDevice(org.owner.id, org.random)],
    };
    await org.submit(bodies.ownersReplaced([ownerFact(restored)]), {
      device: null,
      keys: [org.recovery],
    });
    const status = (id: typeof stolen) =>
      deviceAt(org.state, { device: id.certificate.device, at: org.size })?.status;
    expect([status(stolen), status(firstDevice(restored))]).toEqual(["revoked", "live"]);
    await expect(
      org.append(await acceptance(issued, testAccount(org.random))),
    ).rejects.toMatchObject({
      code: "ERR_POLICY_INVITE_CLOSED",
    });
  });

  test("a recovery key does nothing else", async () => {
    const body = bodies.policySet({ scope: orgScope, policy: noPolicy });
    const cases = [
      { body, device: null, code: "ERR_VERIFICATION_STATEMENT_SIGNER" },
      { body, device: firstDevice(org.owner), code: "ERR_VERIFICATION_STATEMENT_SIGNATURE" },
    ];
    for (const { code, ...options } of cases) {
      const forged = await forgeStatement(org, { version: 0, ...options, signers: [org.recovery] });
      await expect(org.append(forged)).rejects.toMatchObject({ code });
    }
    const issued = await issue();
    const bob = testAccount(org.random);
    const accepted = await forgeStatement(org, {
      body: bodies.inviteAccepted({ invite: issued.invite, ...ownerFact(bob) }),
      version: 1,
      device: null,
      signers: [org.recovery, accountKey(bob)],
    });
    await expect(org.append(accepted)).rejects.toMatchObject({
      code: "ERR_VERIFICATION_STATEMENT_SIGNATURE",
    });
  });

  test("nobody else replaces the owners, and no replacement is replayed", async () => {
    const thief = testAccount(org.random);
    const body = bodies.ownersReplaced([ownerFact(thief)]);
    const signers = [
      accountKey(org.owner),
      firstDevice(org.owner).statement,
      testKey("recovery", org.random),
    ];
    for (const signer of signers) {
      const forged = await forgeStatement(org, {
        body,
        version: 1,
        device: null,
        signers: [signer],
      });
      await expect(org.append(forged)).rejects.toMatchObject({
        code: "ERR_VERIFICATION_STATEMENT_SIGNATURE",
      });
    }
    const bySomeone = await forgeStatement(org, { body, version: 1, signers: [org.recovery] });
    await expect(org.append(bySomeone)).rejects.toMatchObject({
      code: "ERR_VERIFICATION_STATEMENT_SIGNER",
    });
    await org.submit(body, { device: null, keys: [org.recovery] });
    const late = bodies.ownersReplaced([ownerFact(testAccount(org.random))]);
    const stale = await forgeStatement(org, {
      body: late,
      version: 1,
      device: null,
      signers: [org.recovery],
    });
    await expect(org.append(stale)).rejects.toMatchObject({
      code: "ERR_VERIFICATION_STATEMENT_VERSION",
    });
  });

  test("a thief with an owner's device cannot outrun it by changing owners", async () => {
    const body = bodies.ownersReplaced([ownerFact(testAccount(org.random))]);
    const statement = await org.sign(body, { device: null, keys: [org.recovery] });
    const accomplice = await org.addMember();
    await org.setRole(accomplice, orgScope, "owner");
    await org.append(statement);
    expect(
      roleOf(org.state, { account: accomplice.id, scope: orgScope, at: org.size }),
    ).toBeUndefined();
  });
});
