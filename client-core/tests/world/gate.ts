/**
 * Stands between a client and its ports, and can stop it dead: as `kill -9` would, before or after
 * any crossing. A dead client's calls never return and do nothing.
 */
export class Gate {
  crossings = 0;
  isDead = false;
  readonly log: string[] = [];
  readonly #dieAt: number;
  readonly #when: "before" | "after";
  readonly died: Promise<void>;
  #markDead: () => void = () => undefined;

  constructor(dieAt = Number.POSITIVE_INFINITY, when: "before" | "after" = "before") {
    this.#dieAt = dieAt;
    this.#when = when;
    this.died = new Promise((resolve) => {
      this.#markDead = resolve;
    });
  }

  kill(): void {
    this.isDead = true;
    this.#markDead();
  }

  /** A call that changes nothing outside. */
  pass<T>(_name: string, run: () => T | Promise<T>): Promise<T> {
    return this.isDead ? never() : Promise.resolve(run());
  }

  /** A call that changes something outside: a boundary between two effects. */
  async cross<T>(name: string, run: () => T | Promise<T>): Promise<T> {
    if (this.isDead) return never();
    this.crossings += 1;
    this.log.push(name);
    const isHere = this.crossings === this.#dieAt;
    if (isHere && this.#when === "before") {
      this.kill();
      return never();
    }
    const result = await run();
    if (isHere) this.kill();
    return this.isDead ? never() : result;
  }
}

function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}
