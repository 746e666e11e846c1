import { orgIdFromBytes, publicKeyBytes } from "@cloister/base";
import type { UserNkey } from "@cloister/proto";
import { callNats, nkeyBytesOf, parseNkey, serviceRequestSubject } from "@cloister/server-kit";
import type { NatsConnection } from "@nats-io/nats-core";
import type { OrgAccount } from "../orgs/org-directory.ts";
import type { RelayKeys } from "./relay-keys.ts";

const method = "AnnounceRelay";
const timeoutMs = 10_000;

export interface AnnounceOptions {
  /** In DELIVERY, whose import leads to accounts. */
  readonly connection: NatsConnection;
  readonly user: UserNkey;
  readonly keys: RelayKeys;
}

/** Tells accounts this relay's keys, and hears which orgs' logs authorise it. */
export async function announceRelay(options: AnnounceOptions): Promise<OrgAccount[]> {
  const { connection, user, keys } = options;
  const { orgs } = await callNats({
    connection,
    subject: serviceRequestSubject({ service: "accounts", user, method }),
    method: `cloister.accounts.v1.AccountsService/${method}`,
    request: {
      relayKey: publicKeyBytes(keys.signer.publicKey),
      natsSigningKey: nkeyBytesOf("account", keys.natsSigningKey.publicKey),
    },
    timeoutMs,
  });
  return orgs.map(({ orgId, natsAccount, natsStoreAccount }) => ({
    org: orgIdFromBytes(orgId),
    account: parseNkey("account", natsAccount),
    store: parseNkey("account", natsStoreAccount),
  }));
}
