import { addMs, idBytes, type Signer } from "@cloister/base";
import { commonV1 } from "@cloister/proto";
import { beforeEach, describe, expect, test } from "vitest";
import { bodies } from "../build/bodies.ts";
import { orgScope } from "../state/scope.ts";
import {
  firstDevice,
  serviceKeys,
  type TestAccount,
  TestOrg,
  testGrant,
  testPass,
  testService,
  testSession,
} from "../testing/index.ts";
import { signFence, signRequest, signSession } from "./sign.ts";
import { verifyFence } from "./verify-fence.ts";
import { verifyGrant } from "./verify-grant.ts";
import { verifyPass } from "./verify-pass.ts";
import { verifyRequest } from "./verify-request.ts";
import { verifySession } from "./verify-session.ts";

let org: TestOrg;
let bob: TestAccount;
beforeEach(async () => {
  org = await TestOrg.create();
  bob = await org.addMember();
});

const now = () => ({ at: org.size, nowMs: org.nowMs });
const minute = 60_000;

function flip(bytes: Uint8Array, index: number): Uint8Array {
  return bytes.map((byte, at) => (at === index ? byte ^ 1 : byte));
}

describe("session tokens", () => {
  const session = async (options = {}) => (await testSession(org, firstDevice(bob), options)).token;

  test("a gateway in force gives one that names account, device, key and factors", async () => {
    const factors = [{ factor: "totp", atMs: org.nowMs } as const];
    const { token, key } = await testSession(org, firstDevice(bob), { factors });
    expect(verifySession(org.state, { token, ...now() })).toMatchObject({
      account: bob.id,
      deviceId: firstDevice(bob).certificate.device,
      sessionKey: key.publicKey,
      factors,
      gateway: org.gateway.key.publicKey,
    });
  });

  test("of an unknown or revoked gateway, or one authorised later", async () => {
    const gateway = testService("gateway", org.random);
    const token = await session({ gateway });
    const verify = (at: number) => () => verifySession(org.state, { token, at, nowMs: org.nowMs });
    const refused = expect.objectContaining({ code: "ERR_VERIFICATION_GATEWAY" });
    expect(verify(org.size)).toThrow(refused);
    await org.submit(bodies.gatewaySet({ ...serviceKeys(gateway), revoked: false }));
    expect(verify(org.size - 1)).toThrow(refused);
    expect(verify(org.size)()).toMatchObject({ account: bob.id });
    await org.submit(bodies.gatewaySet({ ...serviceKeys(gateway), revoked: true }));
    expect(verify(org.size)).toThrow(refused);
    expect(verify(org.size - 1)()).toMatchObject({ account: bob.id });
  });

  test("of another org, even with the same gateway key", async () => {
    const other = await TestOrg.create({ seed: "other" });
    const { token } = await testSession(other, firstDevice(other.owner), { gateway: org.gateway });
    expect(() => verifySession(org.state, { token, ...now() })).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_ORG" }),
    );
  });

  test("tampered at any byte", async () => {
    const token = await session();
    for (let index = 0; index < token.length; index += 3) {
      expect(() => verifySession(org.state, { token: flip(token, index), ...now() })).toThrow(
        expect.objectContaining({ name: "CloisterError" }),
      );
    }
  });

  test("expired, from the future, or longer than a session lives", async () => {
    const token = await session();
    const expired = expect.objectContaining({ code: "ERR_VERIFICATION_TOKEN_EXPIRED" });
    const at = org.size;
    for (const nowMs of [addMs(org.nowMs, 24 * 60 * minute), addMs(org.nowMs, -3 * minute)]) {
      expect(() => verifySession(org.state, { token, at, nowMs })).toThrow(expired);
    }
    const eternal = await signSession(
      org.id,
      {
        sessionId: new Uint8Array(16),
        accountId: idBytes(bob.id),
        deviceId: idBytes(firstDevice(bob).certificate.device),
        sessionKey: new Uint8Array(32),
        issuedMs: BigInt(org.nowMs),
        expiresMs: BigInt(org.nowMs) + 10_000_000_000n,
        factors: [],
      },
      org.gateway.key,
    );
    expect(() => verifySession(org.state, { token: eternal, ...now() })).toThrow(expired);
  });

  test("of a device revoked since, or of an account without a role", async () => {
    const token = await session();
    const before = org.size;
    await org.setRole(bob, orgScope, undefined);
    expect(() => verifySession(org.state, { token, ...now() })).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_DEVICE" }),
    );
    expect(verifySession(org.state, { token, at: before, nowMs: org.nowMs })).toBeDefined();
  });

  test("of one account with another's device: a stolen gateway key mixes no identities", async () => {
    const device = firstDevice(bob);
    const certificate = { ...device.certificate, account: org.owner.id };
    const { token } = await testSession(org, { ...device, certificate });
    expect(() => verifySession(org.state, { token, ...now() })).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_TOKEN_MISMATCH" }),
    );
  });

  test("a grant or pass is no session", async () => {
    const room = await org.createRoom({ members: [bob] });
    const device = firstDevice(bob);
    const grant = await testGrant(org, device, { room, epoch: 0n });
    const pass = await testPass(org, device, { rooms: [room] });
    for (const token of [grant, pass]) {
      expect(() => verifySession(org.state, { token, ...now() })).toThrow(
        expect.objectContaining({ code: "ERR_VERIFICATION_TOKEN_TYPE" }),
      );
      const renamed = commonV1.Signed.encode({
        ...commonV1.Signed.decode(token),
        type: "session",
      }).finish();
      expect(() => verifySession(org.state, { token: renamed, ...now() })).toThrow(
        expect.objectContaining({ name: "CloisterError" }),
      );
    }
  });
});

describe("grants and passes", () => {
  test("a grant's minute is checked where a clock is given, and only there", async () => {
    const room = await org.createRoom({ members: [bob] });
    const token = await testGrant(org, firstDevice(bob), { room, epoch: 3n });
    const late = addMs(org.nowMs, 60_000);
    expect(verifyGrant(org.state, { token, ...now() })).toMatchObject({ room, epoch: 3n });
    expect(verifyGrant(org.state, { token, at: org.size })).toMatchObject({ account: bob.id });
    expect(() => verifyGrant(org.state, { token, at: org.size, nowMs: late })).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_TOKEN_EXPIRED" }),
    );
  });

  test("a pass opens the rooms that its device still has a role in, to that device alone", async () => {
    const [room, left] = [
      await org.createRoom({ members: [bob] }),
      await org.createRoom({ members: [bob] }),
    ];
    const device = firstDevice(bob);
    const token = await testPass(org, device, { rooms: [room, left] });
    const { nkey } = device.certificate;
    await org.setRole(bob, { kind: "room", id: left }, undefined);
    expect(verifyPass(org.state, { token, nkey, ...now() }).rooms).toEqual([room]);
    const thief = firstDevice(org.owner).certificate.nkey;
    expect(() => verifyPass(org.state, { token, nkey: thief, ...now() })).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_TOKEN_MISMATCH" }),
    );
    const mixed = { ...device, certificate: { ...device.certificate, nkey: thief } };
    const forThief = await testPass(org, mixed, { rooms: [room] });
    expect(() => verifyPass(org.state, { token: forThief, nkey: thief, ...now() })).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_TOKEN_MISMATCH" }),
    );
    const nowMs = addMs(org.nowMs, 60 * minute);
    expect(() => verifyPass(org.state, { token, nkey, at: org.size, nowMs })).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_TOKEN_EXPIRED" }),
    );
  });
});

describe("fences", () => {
  const fenceFields = (room: Parameters<typeof idBytes>[0]) => ({
    roomId: idBytes(room),
    handshakeIndex: 1n,
    epoch: 1n,
    handshakeHash: new Uint8Array(32).fill(1),
  });

  test("of a relay in force is taken; of any other, of another room or altered it is not", async () => {
    const room = await org.createRoom();
    const fence = await signFence(org.id, fenceFields(room), org.relay.key);
    const verify = (bytes: Uint8Array, at = org.size) =>
      verifyFence(org.state, { fence: bytes, room, at });
    expect(verify(fence)).toMatchObject({ epoch: 1n, handshakeIndex: 1 });
    const foreign = await signFence(
      org.id,
      fenceFields(room),
      testService("relay", org.random).key,
    );
    const impostor = org.gateway.key as unknown as Signer<"relay">;
    const byGateway = await signFence(org.id, fenceFields(room), impostor);
    for (const bytes of [foreign, byGateway]) {
      expect(() => verify(bytes)).toThrow(
        expect.objectContaining({ code: "ERR_VERIFICATION_RELAY" }),
      );
    }
    expect(() => verify(flip(fence, fence.length - 1))).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_TOKEN_SIGNATURE" }),
    );
    const other = await org.createRoom();
    expect(() => verifyFence(org.state, { fence, room: other, at: org.size })).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_TOKEN_MISMATCH" }),
    );
    await org.submit(bodies.relaySet({ ...serviceKeys(org.relay), revoked: true }));
    expect(() => verify(fence)).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_RELAY" }),
    );
    expect(verify(fence, org.size - 1)).toBeDefined();
  });
});

describe("requests", () => {
  const method = "cloister.gateway.v1.GatewayService/Connect";

  async function signed(
    change: Partial<Parameters<typeof signRequest>[1]>,
    signer: Parameters<typeof signRequest>[2],
  ): Promise<Uint8Array> {
    const request = {
      method,
      caller: { $case: "deviceId", value: idBytes(firstDevice(bob).certificate.device) } as const,
      nonce: org.random.bytes(16),
      timeMs: BigInt(org.nowMs),
      checkpoint: new Uint8Array(0),
      payload: new Uint8Array(0),
      ...change,
    };
    return signRequest(org.id, request, signer);
  }

  const verify = (request: Uint8Array, change = {}) =>
    verifyRequest(org.state, { request, method, ...now(), ...change });

  test("of a device by its statement key, of a session by its session key", async () => {
    const device = firstDevice(bob);
    const byDevice = verify(await signed({}, device.statement));
    expect(byDevice.caller).toMatchObject({ kind: "device", deviceId: device.certificate.device });
    const { token, key } = await testSession(org, device);
    const caller = { $case: "sessionToken", value: token } as const;
    expect(verify(await signed({ caller }, key)).caller).toMatchObject({
      kind: "session",
      session: { account: bob.id },
    });
  });

  test("a stolen token is worth nothing without the session key", async () => {
    const { token } = await testSession(org, firstDevice(bob));
    const thief = await testSession(org, firstDevice(org.owner));
    const caller = { $case: "sessionToken", value: token } as const;
    for (const key of [thief.key, firstDevice(bob).statement]) {
      const request = await signed({ caller }, key);
      expect(() => verify(request)).toThrow(
        expect.objectContaining({ code: "ERR_VERIFICATION_REQUEST_SIGNATURE" }),
      );
    }
  });

  test("a session of another gateway, where only one's own count", async () => {
    const { token, key } = await testSession(org, firstDevice(bob));
    const request = await signed({ caller: { $case: "sessionToken", value: token } }, key);
    const gateway = testService("gateway", org.random).key.publicKey;
    expect(() => verify(request, { gateway })).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_GATEWAY" }),
    );
    expect(verify(request, { gateway: org.gateway.key.publicKey })).toBeDefined();
  });

  test("for another method", async () => {
    const request = await signed({}, firstDevice(bob).statement);
    const other = "cloister.gateway.v1.GatewayService/SignIn";
    expect(() => verify(request, { method: other })).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_REQUEST_METHOD" }),
    );
  });

  test("a clock ten minutes off is told by how much", async () => {
    for (const offMs of [10 * minute, -10 * minute]) {
      const request = await signed(
        { timeMs: BigInt(org.nowMs + offMs) },
        firstDevice(bob).statement,
      );
      expect(() => verify(request)).toThrow(
        expect.objectContaining({
          code: "ERR_VERIFICATION_CLOCK_SKEW",
          message: expect.stringContaining("600 s"),
          details: { aheadMs: offMs, serverTimeMs: org.nowMs },
        }),
      );
    }
  });

  test("to another org, or by nobody", async () => {
    const other = await TestOrg.create({ seed: "other" });
    const request = await signed({}, firstDevice(bob).statement);
    expect(() =>
      verifyRequest(other.state, { request, method, at: other.size, nowMs: org.nowMs }),
    ).toThrow(expect.objectContaining({ code: "ERR_VERIFICATION_ORG" }));
    const anonymous = await signed({ caller: undefined }, firstDevice(bob).statement);
    expect(() => verify(anonymous)).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_REQUEST_CALLER" }),
    );
  });

  test("of a revoked device", async () => {
    const second = await org.addDevice(bob);
    await org.revokeDevice(bob, firstDevice(bob), second);
    const request = await signed({}, firstDevice(bob).statement);
    expect(() => verify(request)).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_DEVICE" }),
    );
  });
});
