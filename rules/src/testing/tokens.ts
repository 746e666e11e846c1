import {
  addMs,
  type EpochMs,
  idBytes,
  MAX_GRANT_MS,
  MAX_NATS_JWT_MS,
  MAX_SESSION_MS,
  publicKeyBytes,
  type RoomId,
} from "@cloister/base";
import { nkeyBytes } from "@cloister/proto";
import { policyHash } from "../policy/hash.ts";
import { type FactorName, factorNumber } from "../state/names.ts";
import { signGrant, signPass, signSession } from "../tokens/sign.ts";
import { type TestDevice, type TestKey, type TestService, testKey } from "./keys.ts";
import type { TestOrg } from "./test-org.ts";

interface TokenOptions {
  /** The issuing gateway; the org's by default. */
  readonly gateway?: TestService<"gateway">;
  /** When it is issued; the log's time by default. */
  readonly nowMs?: EpochMs;
}

/** A session of the device, with the key that signs its requests. */
export async function testSession(
  org: TestOrg,
  device: TestDevice,
  options: TokenOptions & {
    readonly factors?: readonly { readonly factor: FactorName; readonly atMs: EpochMs }[];
  } = {},
): Promise<{ readonly token: Uint8Array; readonly key: TestKey<"session"> }> {
  const { gateway = org.gateway, nowMs = org.nowMs, factors = [] } = options;
  const key = testKey("session", org.random);
  const session = {
    sessionId: org.random.bytes(16),
    accountId: idBytes(device.certificate.account),
    deviceId: idBytes(device.certificate.device),
    sessionKey: publicKeyBytes(key.publicKey),
    issuedMs: BigInt(nowMs),
    expiresMs: BigInt(addMs(nowMs, MAX_SESSION_MS)),
    factors: factors.map(({ factor, atMs }) => ({
      factor: factorNumber(factor),
      atMs: BigInt(atMs),
    })),
  };
  return { key, token: await signSession(org.id, session, gateway.key) };
}

/** A grant for the device to join the room at an epoch, under the policy of now. */
export function testGrant(
  org: TestOrg,
  device: TestDevice,
  options: TokenOptions & { readonly room: RoomId; readonly epoch: bigint },
): Promise<Uint8Array> {
  const { gateway = org.gateway, nowMs = org.nowMs, room, epoch } = options;
  const grant = {
    roomId: idBytes(room),
    accountId: idBytes(device.certificate.account),
    deviceId: idBytes(device.certificate.device),
    leafKey: publicKeyBytes(device.certificate.leafKey),
    epoch,
    policyHash: policyHash(org.state, { room, at: org.size }),
    logSize: BigInt(org.size),
    factors: [],
    issuedMs: BigInt(nowMs),
    expiresMs: BigInt(addMs(nowMs, MAX_GRANT_MS)),
  };
  return signGrant(org.id, grant, gateway.key);
}

/** A pass of the device for the rooms. */
export function testPass(
  org: TestOrg,
  device: TestDevice,
  options: TokenOptions & { readonly rooms: readonly RoomId[] },
): Promise<Uint8Array> {
  const { gateway = org.gateway, nowMs = org.nowMs, rooms } = options;
  const pass = {
    deviceId: idBytes(device.certificate.device),
    nkey: nkeyBytes(device.certificate.nkey),
    roomIds: rooms.map((room) => idBytes(room)),
    issuedMs: BigInt(nowMs),
    expiresMs: BigInt(addMs(nowMs, MAX_NATS_JWT_MS)),
  };
  return signPass(org.id, pass, gateway.key);
}
