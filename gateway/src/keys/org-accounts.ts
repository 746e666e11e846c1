import type { OrgId } from "@cloister/base";
import { type AccountNkey, parseAccountNkey } from "@cloister/proto";
import { gatewayErrors } from "../errors.ts";
import { MAX_CACHED_ORG_KEYS } from "../limits.ts";
import type { StateBucket } from "../state/state-bucket.ts";
import { updateEntry } from "../state/update-entry.ts";

/**
 * Which NATS account each org has, as accounts has told with every statement it took: kept, so that
 * tokens can be signed while accounts is down.
 */
export class OrgAccounts {
  readonly #bucket: StateBucket;
  readonly #known = new Map<OrgId, AccountNkey>();

  constructor(bucket: StateBucket) {
    this.#bucket = bucket;
  }

  async remember(org: OrgId, natsAccount: string): Promise<void> {
    const account = parseAccountNkey(natsAccount);
    if (this.#known.get(org) === account) return;
    await updateEntry(this.#bucket, entryOf(org), (current) => {
      const isSame = current !== undefined && Buffer.from(current).toString() === account;
      return { value: isSame ? undefined : Buffer.from(account), answer: undefined };
    });
    this.#keep(org, account);
  }

  async of(org: OrgId): Promise<AccountNkey> {
    const known = this.#known.get(org);
    if (known !== undefined) return known;
    const entry = await this.#bucket.get(entryOf(org));
    using value = entry?.value;
    if (value === undefined) {
      throw gatewayErrors.ERR_ORG_ACCOUNT_UNKNOWN("the org's NATS account is not known here yet", {
        hint: "an owner submits any statement through this gateway, then it is",
      });
    }
    return this.#keep(
      org,
      value.expose((bytes) => parseAccountNkey(Buffer.from(bytes).toString())),
    );
  }

  #keep(org: OrgId, account: AccountNkey): AccountNkey {
    if (this.#known.size >= MAX_CACHED_ORG_KEYS) this.#known.clear();
    this.#known.set(org, account);
    return account;
  }
}

function entryOf(org: OrgId): string {
  return `account.${org}`;
}
