import type { Writable } from "node:stream";

/** Plays steps one after the other, on screen, each with its time. */
export class Stage {
  readonly #out: Writable;
  readonly #startedMs = performance.now();

  constructor(out: Writable) {
    this.#out = out;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedMs;
  }

  scene(title: string): void {
    this.#out.write(`\n${title}\n`);
  }

  say(text: string): void {
    this.#out.write(`             ${text}\n`);
  }

  /** `tell` makes the line of what the step found. A step that throws is named before it ends all. */
  async step<T>(title: string, act: () => Promise<T>, tell?: (result: T) => string): Promise<T> {
    const startedMs = performance.now();
    try {
      const result = await act();
      const told = tell?.(result);
      const time = formatMs(performance.now() - startedMs).padStart(9);
      this.#out.write(`  ${time}  ${title}${told === undefined ? "" : `: ${told}`}\n`);
      return result;
    } catch (error) {
      const time = formatMs(performance.now() - startedMs).padStart(9);
      this.#out.write(`  ${time}  FAILED  ${title}\n`);
      throw error;
    }
  }
}

export function formatMs(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(2)} s`;
}
