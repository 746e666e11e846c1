import type { UserNkey } from "@cloister/proto";
import { relayErrors } from "../errors.ts";
import {
  CALLS_BURST,
  CALLS_IN_FLIGHT_PER_DEVICE,
  CALLS_PER_SECOND,
  MAX_COUNTED_DEVICES,
} from "../limits.ts";

interface Account {
  tokens: number;
  atMs: number;
  inFlight: number;
}

export interface CallLimits {
  readonly burst: number;
  readonly perSecond: number;
  readonly inFlight: number;
}

const defaultLimits: CallLimits = {
  burst: CALLS_BURST,
  perSecond: CALLS_PER_SECOND,
  inFlight: CALLS_IN_FLIGHT_PER_DEVICE,
};

/** A token bucket a device, in this process. */
export class CallLimiter {
  readonly #accounts = new Map<UserNkey, Account>();
  readonly #limits: CallLimits;
  readonly #now: () => number;

  constructor(options: { readonly limits?: CallLimits; readonly now?: () => number } = {}) {
    this.#limits = options.limits ?? defaultLimits;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Takes a call's place until it is disposed. Throws ERR_RELAY_RATE where the device has none left. */
  enter(nkey: UserNkey): Disposable {
    const account = this.#refilled(nkey);
    if (account.tokens < 1 || account.inFlight >= this.#limits.inFlight) {
      throw relayErrors.ERR_RELAY_RATE("this device calls too often");
    }
    account.tokens -= 1;
    account.inFlight += 1;
    let isOpen = true;
    return {
      [Symbol.dispose]: () => {
        if (isOpen) account.inFlight -= 1;
        isOpen = false;
      },
    };
  }

  #refilled(nkey: UserNkey): Account {
    const { burst, perSecond } = this.#limits;
    const atMs = this.#now();
    const account = this.#accounts.get(nkey) ?? { tokens: burst, atMs, inFlight: 0 };
    const earned = ((atMs - account.atMs) / 1_000) * perSecond;
    account.tokens = Math.min(burst, account.tokens + earned);
    account.atMs = atMs;
    this.#accounts.delete(nkey);
    this.#accounts.set(nkey, account);
    this.#forgetOldest();
    return account;
  }

  /** Whoever has been quiet longest has a full bucket anyway. */
  #forgetOldest(): void {
    for (const [nkey, account] of this.#accounts) {
      if (this.#accounts.size <= MAX_COUNTED_DEVICES) return;
      if (account.inFlight === 0) this.#accounts.delete(nkey);
    }
  }
}
