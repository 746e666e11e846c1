import {
  type AccountTemplate,
  accountsAccount,
  deliveryAccount,
  encodeAccountJwt,
  encodeOperatorJwt,
  encodeUserJwt,
  gatewayAccount,
  NkeyPair,
  orgAccount,
  type RevocationList,
  storeAccount,
  systemAccount,
} from "@cloister/server-kit";

type AccountPair = NkeyPair<"account">;
type UserPair = NkeyPair<"user">;

/** An org's account with the keys that sign its users. */
export interface TestOrg {
  readonly name: string;
  readonly account: AccountPair;
  readonly memberKey: AccountPair;
  readonly template: AccountTemplate;
  /** The account of its streams, where the relay signs in. */
  readonly store: AccountPair;
  readonly relayKey: AccountPair;
  readonly storeTemplate: AccountTemplate;
}

export interface TestServiceAccount {
  readonly account: AccountPair;
  readonly key: AccountPair;
  readonly template: AccountTemplate;
}

export type ServiceAccountName = "system" | "delivery" | "accounts" | "gateway";

/** Operator, system, service and org accounts with every private key in the test's memory. */
export interface TestFleet {
  readonly operatorRoot: NkeyPair<"operator">;
  readonly operatorKey: NkeyPair<"operator">;
  readonly operatorJwt: string;
  readonly services: Readonly<Record<ServiceAccountName, TestServiceAccount>>;
  readonly orgs: ReadonlyMap<string, TestOrg>;
}

const gibibyte = 1024 ** 3;

export interface CreateFleetOptions {
  readonly orgs?: readonly string[];
  readonly orgDiskBytes?: number;
}

export function createFleet(options: CreateFleetOptions = {}): TestFleet {
  const operatorRoot = NkeyPair.generate("operator");
  const operatorKey = NkeyPair.generate("operator");
  const services = createServices();
  const orgs = (options.orgs ?? []).map((name) =>
    createOrg({ name, services, diskBytes: options.orgDiskBytes ?? 8 * gibibyte }),
  );
  const operatorJwt = encodeOperatorJwt(
    {
      name: "test operator",
      systemAccount: services.system.account.publicKey,
      signingKeys: [operatorKey.publicKey],
      issuedAtSeconds: nowSeconds(),
    },
    operatorRoot,
  );
  return {
    operatorRoot,
    operatorKey,
    operatorJwt,
    services,
    orgs: new Map(orgs.map((org) => [org.name, org])),
  };
}

function createServices(): TestFleet["services"] {
  const storage = { diskBytes: gibibyte, streams: 100, consumers: 1_000 };
  const keys = () => ({ account: NkeyPair.generate("account"), key: NkeyPair.generate("account") });
  const [system, delivery, accounts, gateway] = [keys(), keys(), keys(), keys()];
  const input = (pair: { account: AccountPair; key: AccountPair }) => ({
    account: pair.account.publicKey,
    signingKey: pair.key.publicKey,
    storage,
  });
  const accountsKey = accounts.account.publicKey;
  return {
    system: { ...system, template: systemAccount(input(system)) },
    delivery: {
      ...delivery,
      template: deliveryAccount({ ...input(delivery), accountsAccount: accountsKey }),
    },
    accounts: { ...accounts, template: accountsAccount(input(accounts)) },
    gateway: {
      ...gateway,
      template: gatewayAccount({ ...input(gateway), accountsAccount: accountsKey }),
    },
  };
}

export interface CreateOrgInput {
  readonly name: string;
  readonly services: TestFleet["services"];
  readonly diskBytes: number;
}

export function createOrg({ name, services, diskBytes }: CreateOrgInput): TestOrg {
  const [account, memberKey] = [NkeyPair.generate("account"), NkeyPair.generate("account")];
  const [store, relayKey] = [NkeyPair.generate("account"), NkeyPair.generate("account")];
  const template = orgAccount({
    account: account.publicKey,
    name,
    memberKey: memberKey.publicKey,
    storeAccount: store.publicKey,
    deliveryAccount: services.delivery.account.publicKey,
    connections: 1_000,
  });
  const storeTemplate = storeAccount({
    account: store.publicKey,
    name: `${name} store`,
    relayKey: relayKey.publicKey,
    storage: { diskBytes, streams: 2, consumers: 100_000 },
  });
  return { name, account, memberKey, template, store, relayKey, storeTemplate };
}

/** Signs an account's token as the accounts service does. */
export function signAccount(
  fleet: Pick<TestFleet, "operatorKey">,
  template: AccountTemplate,
  revocations: RevocationList = {},
): string {
  const issuedAtSeconds = nowSeconds();
  return encodeAccountJwt({ ...template, revocations, issuedAtSeconds }, fleet.operatorKey);
}

/** The tokens that a server preloads. */
export function preloadOf(fleet: TestFleet): Map<string, string> {
  const services = Object.values(fleet.services).map(({ template }) => template);
  const orgs = [...fleet.orgs.values()].flatMap((org) => [org.template, org.storeTemplate]);
  return new Map(
    [...services, ...orgs].map((template) => [template.account, signAccount(fleet, template)]),
  );
}

export interface UserTokenInput {
  readonly account: AccountPair;
  readonly key: AccountPair;
  readonly user: UserPair;
  readonly tags?: readonly string[];
  readonly seconds?: number;
}

/** A user token under a scoped key, an hour long unless said otherwise. */
export function signUser(input: UserTokenInput): string {
  const issuedAtSeconds = nowSeconds();
  return encodeUserJwt(
    {
      user: input.user.publicKey,
      account: input.account.publicKey,
      name: "test user",
      tags: input.tags ?? [],
      issuedAtSeconds,
      expiresAtSeconds: issuedAtSeconds + (input.seconds ?? 3_600),
    },
    input.key,
  );
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000);
}
