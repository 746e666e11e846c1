import type { AccountId, Clock, OrgId, Random } from "@cloister/base";
import type { statementsV1 } from "@cloister/proto";
import { gatewayErrors } from "../errors.ts";
import { PENDING_FACTOR_LIFE_MS } from "../limits.ts";
import type { StateBucket } from "../state/state-bucket.ts";
import { updateEntry } from "../state/update-entry.ts";
import { type Attempt, attemptFactor } from "./attempt.ts";
import type { FactorMethod } from "./factor.ts";
import { emptyFactorRecord, encodeFactorRecord, parseFactorRecord } from "./factor-record.ts";

type Factor = statementsV1.Factor;

export interface FactorOwner {
  readonly org: OrgId;
  readonly account: AccountId;
}

export interface FactorBookOptions {
  readonly bucket: StateBucket;
  readonly methods: readonly FactorMethod[];
  readonly clock: Clock;
  readonly random: Random;
}

/** The factors of every account, sealed; attempts and burnt steps hold across gateways. */
export class FactorBook {
  readonly #options: FactorBookOptions;

  constructor(options: FactorBookOptions) {
    this.#options = options;
  }

  /** Those that were presented at least once. */
  async enrolled(owner: FactorOwner): Promise<Factor[]> {
    const factors: Factor[] = [];
    for (const method of this.#options.methods) {
      const entry = await this.#options.bucket.get(keyOf(owner, method));
      using secret = entry?.value;
      const record = secret?.expose(parseFactorRecord);
      if (record?.active !== undefined) factors.push(method.factor);
    }
    return factors;
  }

  /**
   * Begins to add a factor, and answers what the person must see once. One that is there is
   * replaced only by a session that has lately presented it: a stolen session alone cannot.
   */
  begin(
    owner: FactorOwner,
    input: { readonly factor: Factor; readonly orgName: string; readonly mayReplace: boolean },
  ): Promise<string> {
    const method = this.#method(input.factor);
    const { clock, random, bucket } = this.#options;
    return updateEntry(bucket, keyOf(owner, method), (current) => {
      const record = current === undefined ? emptyFactorRecord : parseFactorRecord(current);
      if (record.active !== undefined && !input.mayReplace) {
        throw gatewayErrors.ERR_FACTOR_PRESENT_FIRST("this account has this factor already");
      }
      const { state, provisioning } = method.enrol({
        orgName: input.orgName,
        accountLabel: owner.account.slice(0, 13),
        random,
      });
      const value = encodeFactorRecord({ ...record, pending: { state, sinceMs: clock.now() } });
      state.fill(0);
      return { value, answer: provisioning };
    });
  }

  /** Returns once the presentation counts and can count no second time; throws if it does not. */
  async present(
    owner: FactorOwner,
    input: { readonly factor: Factor; readonly proof: Uint8Array },
  ): Promise<void> {
    const method = this.#method(input.factor);
    const { clock, bucket } = this.#options;
    const attempt = await updateEntry(bucket, keyOf(owner, method), (current) => {
      const record = current === undefined ? emptyFactorRecord : parseFactorRecord(current);
      const answer = attemptFactor({ method, record, proof: input.proof, now: clock.now() });
      return { value: "record" in answer ? encodeFactorRecord(answer.record) : undefined, answer };
    });
    throwUnlessAccepted(attempt, method);
  }

  #method(factor: Factor): FactorMethod {
    const method = this.#options.methods.find((known) => known.factor === factor);
    if (method === undefined) {
      throw gatewayErrors.ERR_FACTOR_UNSUPPORTED("this gateway does not know this factor");
    }
    return method;
  }
}

function keyOf({ org, account }: FactorOwner, method: FactorMethod): string {
  return `factor.${org}.${account}.${method.name}`;
}

function throwUnlessAccepted(attempt: Attempt, method: FactorMethod): void {
  const details = { factor: method.name };
  switch (attempt.kind) {
    case "accepted":
      return;
    case "wrong":
      throw gatewayErrors.ERR_FACTOR_WRONG(`this ${method.name} code is not right`, { details });
    case "used":
      throw gatewayErrors.ERR_FACTOR_USED(`this ${method.name} code was used before`, { details });
    case "absent":
      throw gatewayErrors.ERR_FACTOR_NOT_ENROLLED(
        `this account has no ${method.name}, or began it more than ${PENDING_FACTOR_LIFE_MS / 60_000} minutes ago`,
        { details },
      );
    case "wait": {
      const seconds = Math.ceil(attempt.waitMs / 1_000);
      throw gatewayErrors.ERR_FACTOR_WAIT(`too many wrong codes: wait ${seconds} s`, {
        hint: `wait ${seconds} s, then try a fresh code`,
        details: { ...details, waitMs: attempt.waitMs },
      });
    }
    default:
      attempt satisfies never;
  }
}
