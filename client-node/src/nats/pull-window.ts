/** How many records and bytes may wait here, and how much of that is asked for already. */
export class PullWindow {
  readonly #maxRecords: number;
  readonly #maxBytes: number;
  readonly #minPullBytes: number;
  #dueRecords = 0;
  #heldRecords = 0;
  #heldBytes = 0;

  constructor(limits: {
    readonly maxRecords: number;
    readonly maxBytes: number;
    /** A pull for less than the largest record would end without it, again and again. */
    readonly minPullBytes: number;
  }) {
    this.#maxRecords = limits.maxRecords;
    this.#maxBytes = limits.maxBytes;
    this.#minPullBytes = limits.minPullBytes;
  }

  /** Records asked for that have not come. */
  get dueRecords(): number {
    return this.#dueRecords;
  }

  /** What to ask for next: undefined while half of what may wait is here or on its way. */
  nextPull(): { readonly records: number; readonly bytes: number } | undefined {
    const records = this.#maxRecords - this.#heldRecords - this.#dueRecords;
    if (records < this.#maxRecords / 2 || this.#heldBytes > this.#maxBytes / 2) return undefined;
    this.#dueRecords += records;
    return { records, bytes: Math.max(this.#minPullBytes, this.#maxBytes - this.#heldBytes) };
  }

  arrived(bytes: number): void {
    this.#dueRecords = Math.max(0, this.#dueRecords - 1);
    this.#heldRecords += 1;
    this.#heldBytes += bytes;
  }

  /** A pull ended with so many of its records undelivered; unknown: there was no other. */
  ended(undelivered: number | undefined): void {
    this.#dueRecords = Math.max(0, this.#dueRecords - (undelivered ?? this.#dueRecords));
  }

  taken(): void {
    this.#heldRecords = 0;
    this.#heldBytes = 0;
  }
}
