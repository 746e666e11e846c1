import {
  type EpochMs,
  type GatewayKey,
  markVerified,
  orgIdFromBytes,
  publicKeyFromBytes,
  type Verified,
} from "@cloister/base";
import { rulesErrors } from "../errors.ts";
import { TOKEN_SKEW_MS } from "../limits.ts";
import { type OrgState, orgOf } from "../state/org-state.ts";
import { gatewayAt } from "../state/services.ts";
import { type EnvelopeType, parseSigned, verifyEnvelope } from "./signed.ts";

interface GatewayTokenFields {
  readonly orgId: Uint8Array;
  readonly gatewayKey: Uint8Array;
}

/**
 * The common ground of session, grant and pass: this org, a gateway that the log authorises at this
 * size, its signature. `parse` reads the payload; nothing of it counts before this returns.
 */
export function verifyGatewayToken<Fields extends GatewayTokenFields>(
  state: OrgState,
  options: {
    readonly type: EnvelopeType;
    readonly token: Uint8Array;
    readonly at: number;
    readonly parse: (payload: Uint8Array) => Fields;
  },
): Verified<{ readonly fields: Fields; readonly gateway: GatewayKey }> {
  const signed = parseSigned(options.type, options.token);
  const fields = options.parse(signed.payload);
  if (orgIdFromBytes(fields.orgId) !== orgOf(state)) {
    throw rulesErrors.ERR_VERIFICATION_ORG(`a ${options.type} of another org`);
  }
  const gateway = publicKeyFromBytes("gateway", fields.gatewayKey);
  if (gatewayAt(state, { key: gateway, at: options.at }) === undefined) {
    throw rulesErrors.ERR_VERIFICATION_GATEWAY(
      "signed by a gateway that the log does not authorise",
    );
  }
  verifyEnvelope(state, signed, gateway);
  return markVerified({ fields, gateway });
}

/** Throws unless `nowMs` lies between issue, but for the clocks' difference, and expiry. */
export function checkLifetime(
  lifetime: { readonly issuedMs: EpochMs; readonly expiresMs: EpochMs; readonly maxMs: number },
  nowMs: EpochMs,
): void {
  const { issuedMs, expiresMs, maxMs } = lifetime;
  if (expiresMs <= nowMs) {
    throw rulesErrors.ERR_VERIFICATION_TOKEN_EXPIRED("the token has expired", {
      details: { expiredSinceMs: nowMs - expiresMs },
    });
  }
  if (issuedMs > nowMs + TOKEN_SKEW_MS || expiresMs - issuedMs > maxMs) {
    throw rulesErrors.ERR_VERIFICATION_TOKEN_EXPIRED("the token's times are not those of its kind");
  }
}
