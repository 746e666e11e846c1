import type { RoomId } from "@cloister/base";
import { addMs, idBytes, parseEpochMs, publicKeyBytes, signingInput } from "@cloister/base";
import { commonV1 } from "@cloister/proto";
import { bodies, signSession } from "@cloister/rules";
import {
  firstDevice,
  serviceKeys,
  type TestAccount,
  TestOrg,
  testKey,
  testService,
  testSession,
} from "@cloister/rules/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  deviceMethods,
  guardedMethods,
  publicMethods,
  sessionMethods,
  wellFormedPayload,
} from "./support/calls.ts";
import {
  errorOf,
  fullName,
  type GatewayMethod,
  refusal,
  signedBytes,
  signedCall,
  type Tampering,
  type TestCaller,
} from "./support/http-client.ts";
import { GatewayStack, type Session } from "./support/stack.ts";

const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };

let stack: GatewayStack;
let foreign: TestOrg;
let alice: TestAccount;
let room: RoomId;
let session: Session;

beforeAll(async () => {
  stack = await GatewayStack.start();
  foreign = await TestOrg.create({ seed: crypto.randomUUID(), startMs: stack.org.nowMs });
  alice = await stack.org.addMember();
  const project = await stack.org.createProject();
  room = await stack.org.createRoom({ project, members: [alice] });
  await stack.sync();
  session = await stack.signIn(alice);
});
afterAll(() => stack?.[Symbol.asyncDispose]());

async function attempt(method: GatewayMethod, who?: TestCaller & Tampering) {
  const payload = wellFormedPayload(method, { account: alice, room });
  const answer = await stack.client.send(method, await signedBytes(method, payload, who));
  return { status: answer.status, code: errorOf(answer)?.code };
}

function tokenCaller(token: Uint8Array, signer = session.key): TestCaller {
  return { org: stack.org.id, caller: { $case: "sessionToken", value: token }, signer };
}

describe("[F28] every method refuses who has not proved to be its caller", () => {
  test.each(guardedMethods)("%s: nobody", async (method) => {
    expect(await attempt(method)).toEqual({ status: 401, code: "ERR_VERIFICATION_ORG_UNKNOWN" });
    const unsigned = { ...tokenCaller(session.token), caller: undefined };
    expect(await attempt(method, unsigned)).toEqual({
      status: 401,
      code: "ERR_VERIFICATION_REQUEST_CALLER",
    });
  });

  test.each(sessionMethods)("%s: a token of another org", async (method) => {
    const other = await testSession(foreign, firstDevice(foreign.owner));
    expect(await attempt(method, tokenCaller(other.token, other.key))).toEqual({
      status: 401,
      code: "ERR_VERIFICATION_ORG",
    });
  });

  test.each(sessionMethods)("%s: a token of a gateway that nobody authorised", async (method) => {
    const gateway = testService("gateway", random);
    const forged = await testSession(stack.org, firstDevice(alice), { gateway });
    expect(await attempt(method, tokenCaller(forged.token, forged.key))).toEqual({
      status: 401,
      code: "ERR_VERIFICATION_GATEWAY",
    });
  });

  test.each(sessionMethods)("%s: a token that was altered", async (method) => {
    const { type, payload, signature } = commonV1.Signed.decode(session.token);
    const altered = Uint8Array.from(payload);
    altered[altered.length - 5] = (altered[altered.length - 5] ?? 0) ^ 1;
    const token = commonV1.Signed.encode({ type, payload: altered, signature }).finish();
    expect((await attempt(method, tokenCaller(token))).status).toBe(401);
  });

  test.each(sessionMethods)("%s: a token of yesterday", async (method) => {
    const nowMs = parseEpochMs(Date.now() - 25 * 3_600_000);
    const old = await testSession(stack.org, firstDevice(alice), { nowMs });
    expect(await attempt(method, tokenCaller(old.token, old.key))).toEqual({
      status: 401,
      code: "ERR_VERIFICATION_TOKEN_EXPIRED",
    });
  });

  test("a token that lasts longer than 24 h, though an authorised gateway signed it", async () => {
    const key = testKey("session", random);
    const nowMs = stack.clock.now();
    const token = await signSession(
      stack.org.id,
      {
        sessionId: random.bytes(16),
        accountId: idBytes(alice.id),
        deviceId: idBytes(firstDevice(alice).certificate.device),
        sessionKey: publicKeyBytes(key.publicKey),
        issuedMs: BigInt(nowMs),
        expiresMs: BigInt(addMs(nowMs, 24 * 3_600_000 + 1)),
        factors: [],
      },
      stack.org.gateway.key,
    );
    expect((await attempt("Connect", tokenCaller(token, key))).code).toBe(
      "ERR_VERIFICATION_TOKEN_EXPIRED",
    );
  });

  test.each(sessionMethods)("%s: a stolen token without its session key", async (method) => {
    const thief = testKey("session", random);
    expect(await attempt(method, tokenCaller(session.token, thief))).toEqual({
      status: 401,
      code: "ERR_VERIFICATION_REQUEST_SIGNATURE",
    });
  });

  test.each([...sessionMethods, "Register"] as const)(
    "%s: a device without a session",
    async (method) => {
      expect(await attempt(method, stack.deviceCaller(firstDevice(alice)))).toEqual({
        status: 401,
        code: "ERR_VERIFICATION_CALLER",
      });
    },
  );

  test.each([...deviceMethods, "Register"] as const)(
    "%s: a session in the device's place",
    async (method) => {
      expect(await attempt(method, stack.sessionCaller(session))).toEqual({
        status: 401,
        code: "ERR_VERIFICATION_CALLER",
      });
    },
  );

  test.each(guardedMethods)(
    "%s: an unknown device, and one signed by another's key",
    async (method) => {
      const device = firstDevice(alice);
      const unknown = { $case: "deviceId" as const, value: random.bytes(16) };
      expect((await attempt(method, { ...stack.deviceCaller(device), caller: unknown })).code).toBe(
        "ERR_VERIFICATION_DEVICE",
      );
      const thief = testKey("statement", random);
      expect((await attempt(method, { ...stack.deviceCaller(device), signer: thief })).code).toBe(
        "ERR_VERIFICATION_REQUEST_SIGNATURE",
      );
    },
  );

  test.each(guardedMethods)("%s: a request that was made for another method", async (method) => {
    const isSession = (sessionMethods as readonly string[]).includes(method);
    const caller = isSession
      ? stack.sessionCaller(session)
      : stack.deviceCaller(firstDevice(alice));
    const other = fullName(method === "Connect" ? "GrantJoin" : "Connect");
    expect(await attempt(method, { ...caller, method: other })).toEqual({
      status: 401,
      code: "ERR_VERIFICATION_REQUEST_METHOD",
    });
  });

  test.each(publicMethods)("%s: a request that was made for another method", async (method) => {
    const body = await signedBytes(method, wellFormedPayload(method, { account: alice, room }), {
      ...tokenCaller(session.token),
      method: fullName("Connect"),
    });
    expect(errorOf(await stack.client.send(method, body))?.code).toBe(
      "ERR_VERIFICATION_REQUEST_METHOD",
    );
  });

  test("the same request a second time, here and at another gateway", async () => {
    const { client } = await stack.another();
    const body = await signedCall("Connect", { roomIds: [] }, stack.sessionCaller(session));
    expect((await stack.client.send("Connect", body)).status).toBe(200);
    for (const again of [stack.client, client]) {
      const answer = await again.send("Connect", body);
      expect(answer.status).toBe(401);
      expect(errorOf(answer)?.code).toBe("ERR_VERIFICATION_REPLAYED");
    }
  });

  test("of twenty that race with one nonce at two gateways, one is served", async () => {
    const { client } = await stack.another();
    const body = await signedCall("Connect", { roomIds: [] }, stack.sessionCaller(session));
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        (index % 2 === 0 ? stack.client : client).send("Connect", body),
      ),
    );
    expect(answers.filter(({ status }) => status === 200).length).toBe(1);
  });

  test("a nonce of one's own burns nobody else's", async () => {
    const nonce = random.bytes(16);
    const other = await stack.signIn(stack.org.owner);
    const first = { ...stack.sessionCaller(session), nonce };
    const second = { ...stack.sessionCaller(other), nonce };
    await stack.client.call("Connect", { roomIds: [] }, first);
    await stack.client.call("Connect", { roomIds: [] }, second);
  });

  test("a device that was revoked, and the session that it has", async () => {
    const bob = await stack.org.addMember();
    const second = await stack.org.addDevice(bob);
    await stack.sync();
    const held = await stack.signIn(bob);
    await stack.org.revokeDevice(bob, firstDevice(bob), second);
    await stack.sync();
    expect(await attempt("SignIn", stack.deviceCaller(firstDevice(bob)))).toEqual({
      status: 401,
      code: "ERR_VERIFICATION_DEVICE",
    });
    expect(await attempt("Connect", stack.sessionCaller(held))).toEqual({
      status: 401,
      code: "ERR_VERIFICATION_DEVICE",
    });
  });

  test("sessions of a gateway that the owners have revoked", async () => {
    const gateway = testService("gateway", random);
    await stack.org.submit(bodies.gatewaySet({ ...serviceKeys(gateway), revoked: false }));
    await stack.sync();
    const nowMs = stack.clock.now();
    const held = await testSession(stack.org, firstDevice(alice), { gateway, nowMs });
    const caller = {
      ...tokenCaller(held.token, held.key),
      checkpoint: stack.org.replica.checkpoint.signed,
    };
    expect((await attempt("Connect", caller)).status).toBe(200);
    await stack.org.submit(bodies.gatewaySet({ ...serviceKeys(gateway), revoked: true }));
    await stack.sync();
    const later = { ...caller, checkpoint: stack.org.replica.checkpoint.signed };
    expect((await attempt("Connect", later)).code).toBe("ERR_VERIFICATION_GATEWAY");
  });
});

describe("the clock", () => {
  test.each([
    ["behind", -600_000],
    ["ahead of", 600_000],
  ])("ten minutes %s the server's is said clearly", async (side, offMs) => {
    const error = await refusal(
      stack.client.call(
        "SignIn",
        { sessionKey: random.bytes(32) },
        { ...stack.deviceCaller(firstDevice(alice)), timeMs: Date.now() + offMs },
      ),
    );
    expect(error.code).toBe("ERR_VERIFICATION_CLOCK_SKEW");
    expect(error.message).toMatch(new RegExp(`clock is (599|600|601) s ${side} the server's`));
    expect(error.hint).toMatch(/clock/i);
    expect(Math.abs(Number(error.details["serverTimeMs"]) - Date.now())).toBeLessThan(5_000);
    expect(Math.abs(Number(error.details["aheadMs"]) - offMs)).toBeLessThan(5_000);
  });

  test("119 s off still counts, 121 s does not", async () => {
    const at = (offMs: number) =>
      attempt("Connect", { ...stack.sessionCaller(session), timeMs: Date.now() + offMs });
    expect((await at(119_000)).status).toBe(200);
    expect((await at(-119_000)).status).toBe(200);
    expect((await at(121_000)).code).toBe("ERR_VERIFICATION_CLOCK_SKEW");
    expect((await at(-121_000)).code).toBe("ERR_VERIFICATION_CLOCK_SKEW");
  });
});

describe("the caller's checkpoint", () => {
  async function headOf(fields: { readonly size: bigint; readonly root: Uint8Array }) {
    const payload = commonV1.Checkpoint.encode({
      orgId: idBytes(stack.org.id),
      stateRoot: new Uint8Array(0),
      timeMs: BigInt(stack.org.nowMs),
      ...fields,
    }).finish();
    const input = signingInput("checkpoint", stack.org.id, payload);
    const signature = await stack.org.logKey.sign(input);
    return commonV1.Signed.encode({ type: "checkpoint", payload, signature }).finish();
  }

  test("that shows another history is a fork: it refuses, whoever lies", async () => {
    const checkpoint = await headOf({ size: BigInt(stack.org.size), root: random.bytes(32) });
    expect((await attempt("Connect", { ...stack.sessionCaller(session), checkpoint })).code).toBe(
      "ERR_VERIFICATION_LOG_FORK",
    );
  });

  test("of another log, or nobody's, is refused", async () => {
    const checkpoint = foreign.replica.checkpoint.signed;
    expect((await attempt("Connect", { ...stack.sessionCaller(session), checkpoint })).code).toBe(
      "ERR_VERIFICATION_ORG",
    );
    const junk = random.bytes(100);
    expect(
      (await attempt("Connect", { ...stack.sessionCaller(session), checkpoint: junk })).status,
    ).toBe(422);
  });

  test("that is newer than the gateway's log makes the call wait for it", async () => {
    const carol = await stack.org.addMember();
    const work = stack.signIn(carol);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await stack.sync();
    expect((await work).token.length).toBeGreaterThan(0);
  });

  test("that no log ever reaches ends in a retryable answer", async () => {
    const size = BigInt(stack.org.size + 1_000);
    const checkpoint = await headOf({ size, root: random.bytes(32) });
    const payload = wellFormedPayload("Connect", { account: alice, room });
    const body = await signedBytes("Connect", payload, {
      ...stack.sessionCaller(session),
      checkpoint,
    });
    const answer = await stack.client.send("Connect", body);
    expect(errorOf(answer)).toMatchObject({ code: "ERR_LOG_BEHIND", retryable: true });
  });
});
