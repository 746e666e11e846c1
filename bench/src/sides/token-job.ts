import { type Nkey, parseNkey } from "@cloister/server-kit";

/** User tokens to issue: the same for both sides, but for how many each can do in a while. */
export interface TokenSetup {
  /** Public nkeys of devices, used in turn. */
  readonly users: readonly string[];
  /** 32 bytes, of the account's signing key. */
  readonly signingSeed: Uint8Array;
  readonly account: string;
  readonly tags: readonly string[];
  readonly count: number;
}

export const tokenLifeSeconds = 3_600;

export function parsedKeys(users: readonly string[]): Nkey<"user">[] {
  return users.map((user) => parseNkey("user", user));
}
