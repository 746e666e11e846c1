import { createHash } from "node:crypto";
import type { OrgId } from "@cloister/base";
import { authorisedServices, type OrgState } from "@cloister/rules";
import {
  type AccountTemplate,
  encodeAccountJwt,
  formatNkey,
  memberScope,
  type NkeySigner,
  orgAccount,
  type RevocationList,
  relayScope,
  revocationsOf,
  storeAccount,
} from "@cloister/server-kit";
import type { FleetFacts } from "../init/fleet-file.ts";
import { ORG_CONNECTIONS, ORG_CONSUMERS, ORG_STREAMS } from "../limits.ts";
import type { AccountRecord, OrgAccountKeys } from "./records.ts";

export interface AccountInput {
  readonly org: OrgId;
  readonly accounts: OrgAccountKeys;
  readonly state: OrgState;
  readonly services: FleetFacts["accounts"];
  readonly diskBytes: number;
  readonly nowSeconds: number;
}

/** What one of the org's NATS accounts must be, derived from its log alone. */
export interface DesiredAccount {
  readonly logSize: number;
  readonly template: AccountTemplate;
  readonly contents: string;
  readonly revocations: RevocationList;
}

/**
 * The account where members' devices connect and the one that holds the streams: in each, one
 * scoped signing key for every gateway or relay that the log authorises, and no other key.
 */
export function desiredAccounts(input: AccountInput): DesiredAccount[] {
  const { state, accounts } = input;
  const logSize = state.entries.length;
  const { gateways, relays } = authorisedServices(state, logSize);
  const members: AccountTemplate = {
    ...orgAccount({
      account: accounts.natsAccount,
      name: input.org,
      memberKey: accounts.natsAccount,
      storeAccount: accounts.storeAccount,
      deliveryAccount: input.services.delivery,
      connections: ORG_CONNECTIONS,
    }),
    scopes: gateways.map(({ natsSigningKey }) =>
      memberScope(formatNkey("account", natsSigningKey)),
    ),
  };
  const store: AccountTemplate = {
    ...storeAccount({
      account: accounts.storeAccount,
      name: `${input.org} store`,
      relayKey: accounts.storeAccount,
      storage: { diskBytes: input.diskBytes, streams: ORG_STREAMS, consumers: ORG_CONSUMERS },
    }),
    scopes: relays.map(({ natsSigningKey }) => relayScope(formatNkey("account", natsSigningKey))),
  };
  const revocations = revocationsOf(state, input.nowSeconds);
  return [
    { logSize, template: store, contents: contentsOf(store), revocations: {} },
    { logSize, template: members, contents: contentsOf(members), revocations },
  ];
}

function contentsOf(template: AccountTemplate): string {
  return createHash("sha256").update(JSON.stringify(template)).digest("base64url");
}

/** True if a token already says all of it. Revocations that it has beyond are of tokens long expired. */
export function covers(record: AccountRecord, desired: DesiredAccount): boolean {
  if (record.contents !== desired.contents) return false;
  return Object.entries(desired.revocations).every(
    ([user, atSeconds]) => (record.revocations[user] ?? 0) >= atSeconds,
  );
}

/** A new token. Its time of issue only grows: servers keep the newest of two (nats-server, dirstore.go). */
export function issueAccount(input: {
  readonly desired: DesiredAccount;
  readonly previous: AccountRecord | undefined;
  readonly nowSeconds: number;
  readonly signer: NkeySigner<"operator">;
}): AccountRecord {
  const { desired, previous, nowSeconds } = input;
  const issuedAtSeconds = Math.max(nowSeconds, (previous?.issuedAtSeconds ?? 0) + 1);
  const { template, revocations, logSize, contents } = desired;
  const jwt = encodeAccountJwt({ ...template, revocations, issuedAtSeconds }, input.signer);
  return { logSize, issuedAtSeconds, contents, revocations, jwt, isConfirmed: false };
}
