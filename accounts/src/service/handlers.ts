import { idBytes, orgIdFromBytes } from "@cloister/base";
import type { MethodAccess, MethodName } from "@cloister/proto";
import type { ServiceHandlers } from "@cloister/server-kit";
import { accountsErrors } from "../errors.ts";
import type { FleetFacts } from "../init/fleet-file.ts";
import type { Appended, Orgs } from "../org/orgs.ts";

export const accountsServiceName = "cloister.accounts.v1.AccountsService";

/** Which service account a call came from: the server put it into the subject. */
export interface ServiceCaller {
  readonly account: string;
}

export function accountsHandlers(
  orgs: Orgs,
): ServiceHandlers<typeof accountsServiceName, ServiceCaller> {
  return {
    ReserveOrg: async ({ claimSecret }) => await orgs.reserve(claimSecret),
    CreateOrg: async ({ claimSecret, genesis }) => appended(await orgs.found(claimSecret, genesis)),
    Submit: async ({ orgId, statement }) =>
      appended(await orgs.submit(orgIdFromBytes(orgId), statement)),
    AnnounceRelay: async (keys) => {
      const found = await orgs.announceRelay(keys);
      return {
        orgs: found.map(({ org, natsAccount, storeAccount }) => ({
          orgId: idBytes(org),
          natsAccount,
          natsStoreAccount: storeAccount,
        })),
      };
    },
  };
}

function appended({ position, record, accounts }: Appended) {
  const { natsAccount, storeAccount: natsStoreAccount } = accounts;
  return { position: BigInt(position), logRecord: record, natsAccount, natsStoreAccount };
}

/** Only the gateways' account founds and submits, only the relays' announces relays. */
export function admitService(accounts: FleetFacts["accounts"]) {
  return (caller: ServiceCaller, access: MethodAccess, method: MethodName): ServiceCaller => {
    const isRelayCall = method === `${accountsServiceName}/AnnounceRelay`;
    const allowed = isRelayCall ? accounts.delivery : accounts.gateway;
    if (access !== "ACCESS_SERVICE" || caller.account !== allowed) {
      throw accountsErrors.ERR_POLICY_CALLER("this account may not call this method");
    }
    return caller;
  };
}
