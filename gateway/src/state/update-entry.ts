import { gatewayErrors } from "../errors.ts";
import { MAX_UPDATE_TRIES } from "../limits.ts";
import type { StateBucket } from "./state-bucket.ts";

/** What a change decides after it has seen the current value: the new value, and its answer. */
export interface Change<Answer> {
  /** Undefined: nothing is written. */
  readonly value: Uint8Array | undefined;
  readonly answer: Answer;
}

/**
 * Changes one entry by compare-and-set. `decide` sees the newest value and runs anew when another
 * gateway was quicker, so of two that race on one state, the second decides over what the first wrote.
 */
export async function updateEntry<Answer>(
  bucket: StateBucket,
  key: string,
  decide: (current: Uint8Array | undefined) => Change<Answer>,
): Promise<Answer> {
  for (let tries = 0; tries < MAX_UPDATE_TRIES; tries += 1) {
    const entry = await bucket.get(key);
    using secret = entry?.value;
    const { value, answer } =
      secret === undefined ? decide(undefined) : secret.expose((bytes) => decide(bytes));
    if (value === undefined) return answer;
    const written =
      entry === undefined
        ? await bucket.create(key, value)
        : await bucket.replace(key, { value, revision: entry.revision });
    value.fill(0);
    if (written !== undefined) return answer;
  }
  throw gatewayErrors.ERR_STATE_BUSY("this entry changes too often at the moment; try again");
}
