import { type EpochMs, idBytes, parseHex, publicKeyBytes } from "@cloister/base";
import type { gatewayV1 } from "@cloister/proto";
import { type FactorName, factorName, factorNumber, signSession } from "@cloister/rules";
import type { GatewayParts } from "../gateway-parts.ts";
import { FACTOR_REPLACE_AGE_MS } from "../limits.ts";
import type { SessionCaller } from "../rpc/caller.ts";

/** Begins to add a factor; it counts from its first presentation on. */
export async function enrolFactor(
  parts: GatewayParts,
  { view, session }: SessionCaller,
  { factor }: gatewayV1.EnrolFactorRequest,
): Promise<gatewayV1.EnrolFactorResponse> {
  const nowMs = parts.clock.now();
  const name = factorName(factor);
  const mayReplace = session.factors.some(
    (presented) => presented.factor === name && nowMs - presented.atMs <= FACTOR_REPLACE_AGE_MS,
  );
  const { orgName } = view.state.genesis;
  const owner = { org: view.org, account: session.account };
  return { provisioning: await parts.factors.begin(owner, { factor, orgName, mayReplace }) };
}

/** Burns the presentation, then signs the same session anew with the factor and its time. */
export async function presentFactor(
  parts: GatewayParts,
  caller: SessionCaller,
  { factor, proof }: gatewayV1.PresentFactorRequest,
): Promise<gatewayV1.PresentFactorResponse> {
  const { view, session } = caller;
  await parts.factors.present({ org: view.org, account: session.account }, { factor, proof });
  const presented = { factor: factorName(factor), atMs: parts.clock.now() };
  const sessionToken = await signWithFactor(parts, caller, presented);
  return { sessionToken, expiresMs: BigInt(session.expiresMs) };
}

async function signWithFactor(
  parts: GatewayParts,
  { view, session }: SessionCaller,
  presented: { readonly factor: FactorName; readonly atMs: EpochMs },
): Promise<Uint8Array> {
  const keys = await parts.orgKeys.serving(view.state, view.at);
  const others = session.factors.filter(({ factor }) => factor !== presented.factor);
  return signSession(
    view.org,
    {
      sessionId: parseHex(session.sessionId),
      accountId: idBytes(session.account),
      deviceId: idBytes(session.deviceId),
      sessionKey: publicKeyBytes(session.sessionKey),
      issuedMs: BigInt(session.issuedMs),
      expiresMs: BigInt(session.expiresMs),
      factors: [...others, presented].map(({ factor, atMs }) => ({
        factor: factorNumber(factor),
        atMs: BigInt(atMs),
      })),
    },
    keys.signer,
  );
}
