import type { Clock, OrgId } from "@cloister/base";
import type { OrgState } from "@cloister/rules";
import type { Nkey, NkeySigner } from "@cloister/server-kit";
import { accountsErrors } from "../errors.ts";
import type { FleetFacts } from "../init/fleet-file.ts";
import { MAX_STATE_ATTEMPTS } from "../limits.ts";
import type { AccountPusher } from "../nats/account-pusher.ts";
import { covers, type DesiredAccount, desiredAccounts, issueAccount } from "./account-token.ts";
import type { Held } from "./json-store.ts";
import type { AccountRecord, OrgAccountKeys, Records } from "./records.ts";

export interface OrgAccountsOptions {
  readonly records: Records;
  readonly pusher: AccountPusher;
  readonly signer: NkeySigner<"operator">;
  readonly services: FleetFacts["accounts"];
  readonly orgDiskBytes: number;
  readonly clock: Clock;
}

export interface OrgView {
  readonly org: OrgId;
  readonly accounts: OrgAccountKeys;
  readonly state: OrgState;
}

/** Keeps each org's NATS accounts as its log says they should be. */
export class OrgAccounts {
  readonly #options: OrgAccountsOptions;
  /** What every server was seen to have: most statements change nothing of it. */
  readonly #confirmed = new Map<Nkey<"account">, AccountRecord>();

  constructor(options: OrgAccountsOptions) {
    this.#options = options;
  }

  /** Resolves when every server has tokens that say what the log says. */
  async settle(view: OrgView): Promise<void> {
    for (const desired of this.#desired(view)) {
      const known = this.#confirmed.get(desired.template.account);
      if (known === undefined || !covers(known, desired)) await this.#settleOne(desired);
    }
  }

  /** Compares with what a server really holds, then settles. */
  async repair(view: OrgView): Promise<void> {
    const { records, pusher } = this.#options;
    for (const desired of this.#desired(view)) {
      const { account } = desired.template;
      const held = await records.accounts.get(account);
      if (held?.value.isConfirmed === true && (await pusher.lookUp(account)) !== held.value.jwt) {
        const value = { ...held.value, isConfirmed: false };
        await records.accounts.replace(account, { value, revision: held.revision });
      }
      await this.#settleOne(desired);
    }
  }

  /**
   * The token is recorded before it is pushed, so that of several processes the one with the
   * longest log wins, and what was cut is finished by the next look.
   */
  async #settleOne(desired: DesiredAccount): Promise<void> {
    const { account } = desired.template;
    const { records, pusher } = this.#options;
    let hasPushed = false;
    for (let attempt = 0; attempt < MAX_STATE_ATTEMPTS; attempt += 1) {
      const held = await this.#current(desired);
      if (held === undefined) continue;
      // Whoever pushed and then finds a newer token may have pushed over it: it pushes that again.
      if (held.value.isConfirmed && !hasPushed) {
        this.#confirmed.set(account, held.value);
        return;
      }
      await pusher.push({ account, jwt: held.value.jwt });
      const change = { value: { ...held.value, isConfirmed: true }, revision: held.revision };
      if ((await records.accounts.replace(account, change)) !== undefined) {
        this.#confirmed.set(account, change.value);
        return;
      }
      hasPushed = true;
    }
    throw accountsErrors.ERR_STATE_CONTENDED("others change this org's account at the same time");
  }

  /** The recorded token if it says enough, or a new one; undefined if another process was first. */
  async #current(desired: DesiredAccount): Promise<Held<AccountRecord> | undefined> {
    const { account } = desired.template;
    const { records, signer } = this.#options;
    const held = await records.accounts.get(account);
    if (held !== undefined && isEnough(held.value, desired)) return held;
    const nowSeconds = this.#nowSeconds();
    const value = issueAccount({ desired, previous: held?.value, nowSeconds, signer });
    const revision =
      held === undefined
        ? await records.accounts.create(account, value)
        : await records.accounts.replace(account, { value, revision: held.revision });
    return revision === undefined ? undefined : { value, revision };
  }

  #desired(view: OrgView): DesiredAccount[] {
    const { services, orgDiskBytes: diskBytes } = this.#options;
    return desiredAccounts({ ...view, services, diskBytes, nowSeconds: this.#nowSeconds() });
  }

  #nowSeconds(): number {
    return Math.floor(this.#options.clock.now() / 1000);
  }
}

/** A token made from a longer log says more than is known here. */
function isEnough(record: AccountRecord, desired: DesiredAccount): boolean {
  return record.logSize > desired.logSize || covers(record, desired);
}
