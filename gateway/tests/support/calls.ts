import { idBytes, publicKeyBytes, type RoomId } from "@cloister/base";
import { encodeRequest, statementsV1 } from "@cloister/proto";
import { firstDevice, type TestAccount } from "@cloister/rules/testing";
import { fullName, type GatewayMethod } from "./http-client.ts";

/** Methods by who may call them. */
export const deviceMethods = ["GetLog", "SubmitStatement", "SignIn"] as const;
export const sessionMethods = [
  "EnrolFactor",
  "PresentFactor",
  "Connect",
  "GrantJoin",
  "Explain",
] as const;
export const publicMethods = ["Discover", "ReserveOrg", "CreateOrg"] as const;
export const guardedMethods = [...deviceMethods, ...sessionMethods, "Register"] as const;
export const allMethods: readonly GatewayMethod[] = [...publicMethods, ...guardedMethods];

export interface CallFacts {
  readonly account: TestAccount;
  readonly room: RoomId;
}

const totp = statementsV1.Factor.FACTOR_TOTP;

/** A request of each method that keeps every rule of the contract, encoded. */
export function wellFormedPayload(method: GatewayMethod, { account, room }: CallFacts): Uint8Array {
  const device = firstDevice(account);
  switch (method) {
    case "Discover":
      return encodeRequest(fullName(method), { orgId: new Uint8Array(32) });
    case "ReserveOrg":
      return encodeRequest(fullName(method), { claimSecret: new Uint8Array(32) });
    case "CreateOrg":
      return encodeRequest(fullName(method), {
        claimSecret: new Uint8Array(32),
        genesis: Uint8Array.of(1),
      });
    case "GetLog":
      return encodeRequest(fullName(method), { from: 0n, maxRecords: 10 });
    case "Register":
    case "SubmitStatement":
      return encodeRequest(fullName(method), { statement: Uint8Array.of(1) });
    case "SignIn":
      return encodeRequest(fullName(method), { sessionKey: new Uint8Array(32).fill(7) });
    case "EnrolFactor":
      return encodeRequest(fullName(method), { factor: totp });
    case "PresentFactor":
      return encodeRequest(fullName(method), { factor: totp, proof: Buffer.from("000000") });
    case "Connect":
      return encodeRequest(fullName(method), { roomIds: [idBytes(room)] });
    case "GrantJoin":
      return encodeRequest(fullName(method), {
        roomId: idBytes(room),
        leafKey: publicKeyBytes(device.leaf.publicKey),
        epoch: 1n,
      });
    case "Explain":
      return encodeRequest(fullName(method), {
        accountId: idBytes(account.id),
        roomId: idBytes(room),
      });
    default:
      throw method satisfies never;
  }
}
