import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { gatewayErrors } from "./errors.ts";
import {
  CALLS_PER_ADDRESS,
  CALLS_PER_ADDRESS_SECONDS,
  CALLS_PER_CALLER,
  CALLS_PER_CALLER_SECONDS,
  CLAIMS_PER_ADDRESS,
  CLAIMS_PER_ADDRESS_SECONDS,
} from "./limits.ts";

export interface Rate {
  readonly calls: number;
  readonly seconds: number;
}

export interface Rates {
  /** Before a body is read. */
  readonly address: Rate;
  /** Once the caller has proved who it is. */
  readonly caller: Rate;
  /** Claim codes from one address. */
  readonly claim: Rate;
}

export const defaultRates: Rates = Object.freeze({
  address: { calls: CALLS_PER_ADDRESS, seconds: CALLS_PER_ADDRESS_SECONDS },
  caller: { calls: CALLS_PER_CALLER, seconds: CALLS_PER_CALLER_SECONDS },
  claim: { calls: CLAIMS_PER_ADDRESS, seconds: CLAIMS_PER_ADDRESS_SECONDS },
});

/** How much one caller may ask for, counted in this process. */
export class RateLimits {
  readonly #limiters: Readonly<Record<keyof Rates, RateLimiterMemory>>;

  constructor(rates: Rates = defaultRates) {
    this.#limiters = {
      address: limiter("address", rates.address),
      caller: limiter("caller", rates.caller),
      claim: limiter("claim", rates.claim),
    };
  }

  /** Throws `ERR_LIMIT_RATE`, which says how long to wait. */
  async take(kind: keyof Rates, key: string): Promise<void> {
    try {
      await this.#limiters[kind].consume(key);
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes) throw tooMany(kind, refusal.msBeforeNext);
      throw refusal;
    }
  }
}

function limiter(keyPrefix: string, { calls, seconds }: Rate): RateLimiterMemory {
  return new RateLimiterMemory({ keyPrefix, points: calls, duration: seconds });
}

function tooMany(kind: keyof Rates, waitMs: number): Error {
  const seconds = Math.max(Math.ceil(waitMs / 1_000), 1);
  return gatewayErrors.ERR_LIMIT_RATE(`too many calls of this ${kind}`, {
    hint: `wait ${seconds} s, then go on more slowly`,
    details: { waitMs: Math.ceil(waitMs) },
  });
}
