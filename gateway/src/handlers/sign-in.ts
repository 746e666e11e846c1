import {
  addMs,
  equalBytes,
  idBytes,
  MAX_SESSION_MS,
  publicKeyBytes,
  randomBytes,
} from "@cloister/base";
import type { gatewayV1 } from "@cloister/proto";
import { signSession } from "@cloister/rules";
import { gatewayErrors } from "../errors.ts";
import type { GatewayParts } from "../gateway-parts.ts";
import type { Caller } from "../rpc/caller.ts";

const sessionIdBytes = 16;

/** Opens a session of 24 h: a token that is of no use without the session key. */
export async function signIn(
  parts: GatewayParts,
  { view, device }: Extract<Caller, { kind: "device" }>,
  { sessionKey }: gatewayV1.SignInRequest,
): Promise<gatewayV1.SignInResponse> {
  const { certificate } = device;
  if (equalBytes(sessionKey, publicKeyBytes(certificate.statementKey))) {
    throw gatewayErrors.ERR_VERIFICATION_SESSION_KEY("the session key is the device's own key");
  }
  const keys = await parts.orgKeys.serving(view.state, view.at);
  const issuedMs = parts.clock.now();
  const expiresMs = addMs(issuedMs, MAX_SESSION_MS);
  const { account } = certificate;
  const sessionToken = await signSession(
    view.org,
    {
      sessionId: randomBytes(parts.random, sessionIdBytes),
      accountId: idBytes(account),
      deviceId: idBytes(certificate.device),
      sessionKey,
      issuedMs: BigInt(issuedMs),
      expiresMs: BigInt(expiresMs),
      factors: [],
    },
    keys.signer,
  );
  return {
    sessionToken,
    expiresMs: BigInt(expiresMs),
    enrolledFactors: await parts.factors.enrolled({ org: view.org, account }),
  };
}
