import { EngineError } from "@cloister/group-engine/errors";
import type { PublicEngine } from "@cloister/group-engine/types";
import { relayErrors } from "../errors.ts";

/** Makes an engine that holds public state only. */
export type MakeEngine = () => Promise<PublicEngine>;

/**
 * The one engine of a process. A trap ends the instance with everything that it held, so whoever
 * keeps groups compares `generation` and reads them again.
 */
export class EngineHost implements Disposable {
  readonly #make: MakeEngine;
  #engine: Promise<PublicEngine> | undefined;
  #live: PublicEngine | undefined;
  #generation = 0;

  constructor(make: MakeEngine) {
    this.#make = make;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Runs `work`, which must not keep the engine. What the engine refuses becomes an error of ours. */
  async use<T>(work: (engine: PublicEngine) => T): Promise<T> {
    const engine = await this.#current();
    try {
      return work(engine);
    } catch (error) {
      throw this.#mapped(error);
    }
  }

  [Symbol.dispose](): void {
    this.#live?.[Symbol.dispose]();
    this.#forget();
  }

  async #current(): Promise<PublicEngine> {
    this.#engine ??= this.#make();
    this.#live = await this.#engine;
    return this.#live;
  }

  #forget(): void {
    this.#engine = undefined;
    this.#live = undefined;
    this.#generation += 1;
  }

  #mapped(error: unknown): unknown {
    if (!(error instanceof EngineError)) return error;
    if (error.code === "engine.trapped") this.#forget();
    if (error.kind === "internal" || error.kind === "usage") {
      return relayErrors.ERR_RELAY_STORE_CORRUPT("the group engine failed", { cause: error });
    }
    return relayErrors.ERR_HANDSHAKE_ENGINE("the group engine refuses this", {
      cause: error,
      details: { engineCode: error.code },
    });
  }
}
