import { idBytes, type OrgId, publicKeyBytes, type Signer, signingInput } from "@cloister/base";
import { commonV1, gatewayV1, roomsV1 } from "@cloister/proto";
import { signEnvelope } from "./signed.ts";

/** A message whose org and key the signing function fills in. */
type Unsigned<Message, Filled extends keyof Message> = Omit<Message, Filled | "_unknownFields">;

/** A gateway's session token: encoded Signed. */
export function signSession(
  org: OrgId,
  session: Unsigned<gatewayV1.Session, "orgId" | "gatewayKey">,
  signer: Signer<"gateway">,
): Promise<Uint8Array> {
  const gatewayKey = publicKeyBytes(signer.publicKey);
  const payload = gatewayV1.Session.encode({
    ...session,
    orgId: idBytes(org),
    gatewayKey,
  }).finish();
  return signEnvelope("session", { org, payload }, signer);
}

/** A gateway's grant to join: encoded Signed. */
export function signGrant(
  org: OrgId,
  grant: Unsigned<roomsV1.Grant, "orgId" | "gatewayKey">,
  signer: Signer<"gateway">,
): Promise<Uint8Array> {
  const gatewayKey = publicKeyBytes(signer.publicKey);
  const payload = roomsV1.Grant.encode({ ...grant, orgId: idBytes(org), gatewayKey }).finish();
  return signEnvelope("grant", { org, payload }, signer);
}

/** A gateway's pass for an inbox: encoded Signed. */
export function signPass(
  org: OrgId,
  pass: Unsigned<roomsV1.Pass, "orgId" | "gatewayKey">,
  signer: Signer<"gateway">,
): Promise<Uint8Array> {
  const gatewayKey = publicKeyBytes(signer.publicKey);
  const payload = roomsV1.Pass.encode({ ...pass, orgId: idBytes(org), gatewayKey }).finish();
  return signEnvelope("pass", { org, payload }, signer);
}

/** A relay's fence: encoded SignedFence. */
export async function signFence(
  org: OrgId,
  fence: Unsigned<roomsV1.Fence, "orgId">,
  signer: Signer<"relay">,
): Promise<Uint8Array> {
  const payload = roomsV1.Fence.encode({ ...fence, orgId: idBytes(org) }).finish();
  const signature = await signer.sign(signingInput("fence", org, payload));
  const relayKey = publicKeyBytes(signer.publicKey);
  return roomsV1.SignedFence.encode({ fence: payload, relayKey, signature }).finish();
}

/** A call: encoded SignedRequest, signed by the key of the caller that it names. */
export async function signRequest(
  org: OrgId,
  request: Unsigned<commonV1.Request, "orgId">,
  signer: Signer<"session"> | Signer<"statement"> | Signer<"invitation">,
): Promise<Uint8Array> {
  const payload = commonV1.Request.encode({ ...request, orgId: idBytes(org) }).finish();
  const signature = await signer.sign(signingInput("request", org, payload));
  return commonV1.SignedRequest.encode({ request: payload, signature }).finish();
}

/** One step of a room's group: encoded SignedHandshake, signed by the committing device. */
export async function signHandshake(
  org: OrgId,
  handshake: Unsigned<roomsV1.Handshake, "orgId">,
  signer: Signer<"statement">,
): Promise<Uint8Array> {
  const payload = roomsV1.Handshake.encode({ ...handshake, orgId: idBytes(org) }).finish();
  const signature = await signer.sign(signingInput("handshake", org, payload));
  return roomsV1.SignedHandshake.encode({ handshake: payload, signature }).finish();
}
