import {
  idBytes,
  newRoomId,
  type ProjectId,
  parseEpochMs,
  publicKeyBytes,
  type RoomId,
  roomIdFromBytes,
} from "@cloister/base";
import { deliverySubject, roomSubject, statementsV1 } from "@cloister/proto";
import {
  bodies,
  type LevelPolicy,
  orgScope,
  policyHash,
  projectScope,
  roomScope,
  verifyGrant,
  verifyPass,
  verifySession,
} from "@cloister/rules";
import { firstDevice, type TestAccount } from "@cloister/rules/testing";
import { MAX_ROOMS_PER_USER_JWT, NkeyPair, parseNatsJwt } from "@cloister/server-kit";
import { createOrgStreams, publish, Violations } from "@cloister/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Authenticator } from "./support/authenticator.ts";
import { statementWithoutRight } from "./support/forge.ts";
import { refusal } from "./support/http-client.ts";
import { GatewayStack, type Session } from "./support/stack.ts";

const totpWanted = (maxAgeSeconds?: number): Partial<LevelPolicy> => ({
  factors: [{ factor: "totp", maxAgeSeconds }],
});

let stack: GatewayStack;
let bob: TestAccount;
let mallory: TestAccount;
let project: ProjectId;
let room: RoomId;
let open: RoomId;

beforeAll(async () => {
  stack = await GatewayStack.start();
  mallory = await stack.org.addMember();
});
afterAll(() => stack?.[Symbol.asyncDispose]());

beforeEach(async () => {
  await stack.org.setPolicy(orgScope, {});
  // A fresh account each time: factors stay with an account.
  bob = await stack.org.addMember();
  project = await stack.org.createProject();
  room = await stack.org.createRoom({ project, members: [bob] });
  open = await stack.org.createRoom({ project, members: [bob] });
  await stack.sync();
});

async function setPolicy(
  scope: Parameters<typeof stack.org.setPolicy>[0],
  policy: Partial<LevelPolicy>,
) {
  await stack.org.setPolicy(scope, policy);
  await stack.sync();
}

function connect(session: Session, rooms: readonly RoomId[] = []) {
  return stack.client.call(
    "Connect",
    { roomIds: rooms.map((id) => idBytes(id)) },
    stack.sessionCaller(session),
  );
}

function grant(session: Session, id: RoomId, epoch = 3n) {
  const leafKey = publicKeyBytes(session.device.leaf.publicKey);
  return stack.client.call(
    "GrantJoin",
    { roomId: idBytes(id), leafKey, epoch },
    stack.sessionCaller(session),
  );
}

describe("[F4] a room whose policy wants TOTP", () => {
  test("refuses with rule and hint, and grants after the code", async () => {
    await setPolicy(roomScope(room), totpWanted());
    const session = await stack.signIn(bob);
    for (const call of [() => connect(session, [room]), () => grant(session, room)]) {
      const error = await refusal(call());
      expect(error).toMatchObject({
        kind: "Policy",
        code: "ERR_POLICY_FACTOR_MISSING",
        message: "room policy: wants TOTP: not presented",
        details: { missingFactors: "totp", rule: "room policy", room },
      });
      expect(error.hint).toContain("Present TOTP.");
    }
    const strong = await new Authenticator(stack).enrolAndPresent(session);
    const { grant: token } = await grant(strong, room);
    const view = verifyGrant(stack.org.state, {
      token,
      at: stack.org.size,
      nowMs: stack.clock.now(),
    });
    expect(view).toMatchObject({
      room,
      account: bob.id,
      device: firstDevice(bob).certificate.device,
      leafKey: firstDevice(bob).certificate.leafKey,
      epoch: 3n,
      logSize: stack.org.size,
      policyHash: policyHash(stack.org.state, { room, at: stack.org.size }),
    });
    expect(view.expiresMs - view.issuedMs).toBe(60_000);
    expect((await connect(strong, [room])).decisions.map(({ allowed }) => allowed)).toEqual([true]);
  });

  test("takes no grant for another leaf key, nor for who has no role", async () => {
    const session = await stack.signIn(bob);
    const leafKey = publicKeyBytes(firstDevice(mallory).leaf.publicKey);
    const other = stack.client.call(
      "GrantJoin",
      { roomId: idBytes(room), leafKey, epoch: 0n },
      stack.sessionCaller(session),
    );
    expect((await refusal(other)).code).toBe("ERR_POLICY_DEVICE_KEY");
    const outsider = await stack.signIn(mallory);
    for (const call of [() => grant(outsider, room), () => connect(outsider, [room])]) {
      expect(await refusal(call())).toMatchObject({
        kind: "Policy",
        code: "ERR_POLICY_REFUSED",
        message: "membership: no role in the room",
        hint: "Ask an owner of the room for a role in it.",
      });
    }
    const unknown = roomIdFromBytes(new Uint8Array(16).fill(9));
    expect((await refusal(connect(session, [unknown]))).message).toContain("no such room");
  });

  test("whoever is no member is not asked for a code that would not help", async () => {
    await setPolicy(roomScope(room), totpWanted());
    const outsider = await stack.signIn(mallory);
    expect(await refusal(grant(outsider, room))).toMatchObject({
      code: "ERR_POLICY_REFUSED",
      message: "membership: no role in the room",
    });
  });
});

describe("levels add up", () => {
  test.each(["org", "project", "room"] as const)(
    "[F15] what the %s wants is wanted, and named",
    async (level) => {
      const scopes = { org: orgScope, project: projectScope(project), room: roomScope(room) };
      await setPolicy(scopes[level], totpWanted());
      const session = await stack.signIn(bob);
      const error = await refusal(connect(session, [room]));
      expect(error.code).toBe("ERR_POLICY_FACTOR_MISSING");
      expect(error.message).toContain(`${level} policy: wants TOTP`);
    },
  );

  test("[F38] a denial of the org beats what the room allows; it is said before any factor", async () => {
    await stack.org.setPolicy(roomScope(room), totpWanted());
    await setPolicy(orgScope, { deniedAccounts: [bob.id] });
    const session = await stack.signIn(bob);
    expect(await refusal(connect(session, [room]))).toMatchObject({
      code: "ERR_POLICY_REFUSED",
      message: "org policy: denies this account",
    });
    expect((await refusal(connect(session))).code).toBe("ERR_POLICY_REFUSED");
    expect((await refusal(grant(session, room))).code).toBe("ERR_POLICY_REFUSED");
  });

  test("an org that denies an account gives it no connection at all, rooms or none", async () => {
    const nobody = await stack.org.addMember();
    await setPolicy(orgScope, { deniedAccounts: [nobody.id] });
    expect((await refusal(connect(await stack.signIn(nobody)))).code).toBe("ERR_POLICY_REFUSED");
  });

  test("a level waives its factor for the role it names, and no other level's", async () => {
    await stack.org.setPolicy(roomScope(room), { ...totpWanted(), exemptRoles: ["user"] });
    await stack.sync();
    const session = await stack.signIn(bob);
    expect((await connect(session, [room])).decisions[0]?.allowed).toBe(true);
    await setPolicy(projectScope(project), totpWanted());
    expect((await refusal(connect(session, [room]))).message).toContain("project policy");
  });

  test("allowed rooms come through, refused ones with their reasons", async () => {
    await setPolicy(roomScope(room), totpWanted());
    const session = await stack.signIn(bob);
    const answer = await connect(session, [room, open, open]);
    expect(answer.decisions.map(({ allowed }) => allowed)).toEqual([false, true]);
    expect(answer.decisions[0]).toMatchObject({
      missingFactors: [statementsV1.Factor.FACTOR_TOTP],
      rules: expect.arrayContaining([
        expect.objectContaining({ source: "room policy", passed: false, hint: "Present TOTP." }),
      ]),
    });
    const { nats, iat, exp } = parseNatsJwt(answer.natsJwt).claims;
    expect("tags" in nats ? nats.tags : []).toEqual([`room:${open}`]);
    expect((exp ?? 0) - iat).toBeLessThanOrEqual(3_600);
    expect((exp ?? 0) * 1_000).toBe(Number(answer.expiresMs));
    const pass = verifyPass(stack.org.state, {
      token: answer.pass,
      at: stack.org.size,
      nowMs: stack.clock.now(),
      nkey: firstDevice(bob).certificate.nkey,
    });
    expect(pass.rooms).toEqual([open]);
    expect(pass.expiresMs).toBe(Number(answer.expiresMs));
  });
});

describe("how long a connection lasts", () => {
  test("[F29] a session has exactly 86,400 s; a connection at most 3,600", async () => {
    const session = await stack.signIn(bob);
    const { issuedMs, expiresMs } = verifySession(stack.org.state, {
      token: session.token,
      at: stack.org.size,
      nowMs: stack.clock.now(),
    });
    expect((expiresMs - issuedMs) / 1_000).toBe(86_400);
    const { expiresMs: endMs } = await connect(session);
    expect(Number(endMs) - issuedMs).toBeGreaterThan(3_590_000);
    expect(Number(endMs) - stack.clock.now()).toBeLessThanOrEqual(3_600_000);
  });

  test("never past the session, nor past the age of a factor", async () => {
    const session = await stack.signIn(bob);
    const strong = await new Authenticator(stack).enrolAndPresent(session);
    await setPolicy(roomScope(room), totpWanted(120));
    const short = await connect(strong, [room]);
    expect(Number(short.expiresMs) - stack.clock.now()).toBeLessThanOrEqual(120_000);
    // Another room, which wants nothing, is not cut short.
    expect(Number((await connect(strong, [open])).expiresMs)).toBeGreaterThan(
      Number(short.expiresMs),
    );
    stack.clock.aheadMs = 23.5 * 3_600_000;
    try {
      const late = { ...stack.sessionCaller(strong), timeMs: stack.clock.now() };
      const ids = { roomIds: [idBytes(open)] };
      const { expiresMs } = await stack.client.call("Connect", ids, late);
      const { expiresMs: sessionEnd } = verifySession(stack.org.state, {
        token: strong.token,
        at: stack.org.size,
        nowMs: stack.clock.now(),
      });
      expect(Number(expiresMs)).toBeLessThanOrEqual(sessionEnd);
      expect(
        (await refusal(stack.client.call("Connect", { roomIds: [idBytes(room)] }, { ...late })))
          .message,
      ).toContain("presented too long ago");
    } finally {
      stack.clock.aheadMs = 0;
    }
  });

  test("a session that is older than a policy allows connects no more", async () => {
    await setPolicy(roomScope(room), { sessionMaxAgeSeconds: 60 });
    const session = await stack.signIn(bob);
    const { expiresMs } = await connect(session, [room]);
    expect(Number(expiresMs) - stack.clock.now()).toBeLessThanOrEqual(60_000);
    stack.clock.aheadMs = 90_000;
    try {
      const late = { ...stack.sessionCaller(session), timeMs: stack.clock.now() };
      const work = stack.client.call("Connect", { roomIds: [idBytes(room)] }, late);
      expect(await refusal(work)).toMatchObject({
        code: "ERR_POLICY_REFUSED",
        hint: "Sign in again.",
      });
    } finally {
      stack.clock.aheadMs = 0;
    }
  });
});

describe("[F49] the NATS token", () => {
  const deviceUser = (account: TestAccount) =>
    NkeyPair.fromSeedBytes("user", firstDevice(account).nkeySeed);

  test("connects the device to its rooms, and to no other subject", async () => {
    const relay = await stack.nats.relay(stack.natsOrg);
    await createOrgStreams(relay.connection);
    const { natsJwt } = await connect(await stack.signIn(bob), [open]);
    const pair = deviceUser(bob);
    const user = await stack.nats.connect({ jwt: natsJwt, pair });
    const own = roomSubject(open, pair.publicKey);
    const stored = await publish(user.connection, { subject: own, payload: "sealed" });
    expect(stored).toMatchObject({ seq: 1 });
    const forbidden = [
      roomSubject(room, pair.publicKey),
      roomSubject(open, deviceUser(mallory).publicKey),
      `room.${open}.fence`,
      deliverySubject(deviceUser(mallory).publicKey, "GetLog"),
      "$JS.API.STREAM.INFO.ROOMS",
    ];
    const violations = new Violations(user);
    for (const subject of forbidden) {
      expect(await violations.refusesPublish(subject), subject).toBe(true);
    }
    expect(await violations.refusesPublish(own)).toBe(false);
    expect(await violations.refusesSubscribe("room.>")).toBe(true);
  });

  test("without any room it reaches services alone", async () => {
    const { natsJwt, decisions } = await connect(await stack.signIn(mallory));
    expect(decisions).toEqual([]);
    const pair = deviceUser(mallory);
    const violations = new Violations(await stack.nats.connect({ jwt: natsJwt, pair }));
    for (const subject of [roomSubject(open, pair.publicKey), `room.x.${pair.publicKey}`, "x"]) {
      expect(await violations.refusesPublish(subject), subject).toBe(true);
    }
    expect(await violations.refusesSubscribe("room.>")).toBe(true);
    expect(await violations.refusesPublish(deliverySubject(pair.publicKey, "GetLog"))).toBe(false);
  });

  test("is of no use with another nkey", async () => {
    const { natsJwt } = await connect(await stack.signIn(bob), [open]);
    const thief = NkeyPair.generate("user");
    await expect(stack.nats.connect({ jwt: natsJwt, pair: thief })).rejects.toMatchObject({
      code: "ERR_NATS_AUTH",
    });
  });
});

describe("[F12] owners and users", () => {
  const submit = async (account: TestAccount, body: Parameters<typeof stack.org.sign>[0]) => {
    const device = firstDevice(account);
    const statement =
      account === stack.org.owner
        ? await stack.org.sign(body)
        : await statementWithoutRight(stack.org, { body, device });
    return stack.client.call("SubmitStatement", { statement }, stack.deviceCaller(device));
  };

  test("a user sets no policy and gives no role; an owner does, and at once it counts", async () => {
    const policy = { factors: [], exemptRoles: [], deniedAccounts: [bob.id] };
    const body = bodies.policySet({
      scope: roomScope(room),
      policy: { ...policy, sessionMaxAgeSeconds: undefined, deviceMinAgeSeconds: undefined },
    });
    expect(await refusal(submit(bob, body))).toMatchObject({
      kind: "Policy",
      code: "ERR_POLICY_STATEMENT_RIGHT",
    });
    const session = await stack.signIn(bob);
    await connect(session, [room]);
    const { position } = await submit(stack.org.owner, body);
    expect(Number(position)).toBe(stack.org.size - 1);
    const roomIds = [idBytes(room)];
    expect((await refusal(stack.client.call("Connect", { roomIds }, session.caller))).message).toBe(
      "room policy: denies this account",
    );
  });

  test("a user who makes itself an owner is refused; so is a statement that was there before", async () => {
    const role = bodies.roleSet({ scope: roomScope(room), account: bob.id, role: "owner" });
    expect((await refusal(submit(bob, role))).code).toBe("ERR_POLICY_STATEMENT_RIGHT");
    const owner = firstDevice(stack.org.owner);
    const statement = await stack.org.sign(role, { device: owner });
    await stack.client.call("SubmitStatement", { statement }, stack.deviceCaller(owner));
    const again = stack.client.call("SubmitStatement", { statement }, stack.deviceCaller(owner));
    expect((await refusal(again)).kind).toBe("Verification");
  });

  test("removed from the room, one has no connection and no grant any more", async () => {
    const session = await stack.signIn(bob);
    await connect(session, [room]);
    await submit(
      stack.org.owner,
      bodies.roleSet({ scope: roomScope(room), account: bob.id, role: undefined }),
    );
    expect((await refusal(connect(session, [room]))).message).toContain("no role in the room");
    expect((await refusal(grant(session, room))).message).toContain("no role in the room");
  });
});

test("a connection names so many rooms and no more", async () => {
  const session = await stack.signIn(bob);
  const rooms = Array.from({ length: MAX_ROOMS_PER_USER_JWT + 1 }, () =>
    newRoomId(stack.org.random),
  );
  expect(await refusal(connect(session, rooms))).toMatchObject({
    kind: "Limit",
    code: "ERR_LIMIT_ROOMS",
    hint: expect.stringContaining("name the rooms"),
  });
});

test("a loss of rights that the caller does not know of counts at once", async () => {
  const session = await stack.signIn(bob);
  const { checkpoint: _unknown, ...blind } = stack.sessionCaller(session);
  await stack.org.setRole(bob, roomScope(room), undefined);
  await stack.sync();
  const roomIds = [idBytes(room)];
  expect((await refusal(stack.client.call("Connect", { roomIds }, blind))).message).toContain(
    "no role in the room",
  );
});

describe("Explain", () => {
  const explain = (session: Session, account: TestAccount, id: RoomId) =>
    stack.client.call(
      "Explain",
      { accountId: idBytes(account.id), roomId: idBytes(id) },
      stack.sessionCaller(session),
    );

  test("names each rule; one's own with one's factors", async () => {
    await stack.org.setPolicy(orgScope, { deviceMinAgeSeconds: 1 });
    await setPolicy(roomScope(room), totpWanted());
    const session = await stack.signIn(bob);
    const { decision } = await explain(session, bob, room);
    expect(decision?.allowed).toBe(false);
    expect(decision?.rules.map(({ source, passed }) => [source, passed])).toEqual([
      ["org policy", true],
      ["project policy", true],
      ["room policy", false],
      ["membership", true],
      ["device", true],
    ]);
    const strong = await new Authenticator(stack).enrolAndPresent(session);
    expect((await explain(strong, bob, room)).decision?.allowed).toBe(true);
  });

  test("another's is for owners alone", async () => {
    await setPolicy(roomScope(room), totpWanted());
    const owner = await stack.signIn(stack.org.owner);
    const seen = await explain(owner, bob, room);
    expect(seen.decision?.missingFactors).toEqual([statementsV1.Factor.FACTOR_TOTP]);
    expect((await refusal(explain(await stack.signIn(bob), stack.org.owner, room))).code).toBe(
      "ERR_POLICY_REFUSED",
    );
  });
});

test("a grant's times are the gateway's", async () => {
  const session = await stack.signIn(bob);
  const { expiresMs } = await grant(session, open);
  expect(Number(expiresMs)).toBeLessThanOrEqual(parseEpochMs(stack.clock.now() + 60_000));
});
