import { setTimeout as sleep } from "node:timers/promises";
import type { OrgId } from "@cloister/base";
import { RECONCILE_INTERVAL_MS, RECONCILE_JITTER_MS } from "../limits.ts";

export interface ReconcilerOptions {
  /** Takes in waiting claims and finishes foundings. */
  readonly prepare: () => Promise<void>;
  readonly orgs: () => Promise<OrgId[]>;
  readonly repair: (org: OrgId) => Promise<void>;
  readonly onTrouble: (error: unknown, about: { readonly org?: OrgId }) => void;
  readonly intervalMs?: number;
}

/** Finishes what was cut: once at the start, then from time to time, never in step with others. */
export class Reconciler implements AsyncDisposable {
  readonly #options: ReconcilerOptions;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#done = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const intervalMs = this.#options.intervalMs ?? RECONCILE_INTERVAL_MS;
    while (!this.#stop.signal.aborted) {
      await this.#once();
      const pauseMs = intervalMs + Math.random() * RECONCILE_JITTER_MS;
      await sleep(pauseMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  async #once(): Promise<void> {
    const { prepare, orgs, repair, onTrouble } = this.#options;
    try {
      await prepare();
      for (const org of await orgs()) {
        if (this.#stop.signal.aborted) return;
        await repair(org).catch((error: unknown) => onTrouble(error, { org }));
      }
    } catch (error) {
      onTrouble(error, {});
    }
  }
}
