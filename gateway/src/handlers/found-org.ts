import { publicKeyBytes } from "@cloister/base";
import { type gatewayV1, parseMessage } from "@cloister/proto";
import { orgIdOf } from "@cloister/rules";
import { gatewayErrors } from "../errors.ts";
import type { GatewayParts } from "../gateway-parts.ts";
import { nkeyRawBytes } from "../keys/nkey-bytes.ts";
import { noteSubmitted } from "./note-submitted.ts";

/** The keys that the founder's statements will name. accounts judges the claim before any is made. */
export async function reserveOrg(
  parts: GatewayParts,
  address: string,
  { claimSecret }: gatewayV1.ReserveOrgRequest,
): Promise<gatewayV1.ReserveOrgResponse> {
  await parts.rates.take("claim", address);
  const reserved = await parts.accounts.reserveOrg(claimSecret);
  const keys = await parts.orgKeys.reserve(claimSecret);
  return {
    logKey: reserved.logKey,
    gateway: {
      signingKey: publicKeyBytes(keys.signer.publicKey),
      natsSigningKey: nkeyRawBytes(keys.natsSigner.publicKey),
    },
    relay: { signingKey: reserved.relayKey, natsSigningKey: reserved.relayNatsSigningKey },
  };
}

/** Hands the genesis to accounts, which holds it against the claim. */
export async function createOrg(
  parts: GatewayParts,
  address: string,
  { claimSecret, genesis }: gatewayV1.CreateOrgRequest,
): Promise<gatewayV1.CreateOrgResponse> {
  await parts.rates.take("claim", address);
  const { content } = parseMessage("cloister.statements.v1.SignedStatement", genesis);
  if (content?.$case !== "genesis") {
    throw gatewayErrors.ERR_STATEMENT_KIND("an org is founded by a genesis", {
      hint: "send a SignedStatement with a genesis",
    });
  }
  const created = await parts.accounts.createOrg({ claimSecret, genesis });
  await noteSubmitted(parts, orgIdOf(content.value), created);
  return { logRecord: created.logRecord };
}
