import { baseErrors } from "./base-errors.ts";
import { equalBytes } from "./bytes.ts";
import { type Random, randomBytes } from "./random.ts";

const redacted = "[secret]";
const nodeInspect: unique symbol = Symbol.for("nodejs.util.inspect.custom") as never;

/**
 * Bytes that must not be printed, logged or kept. Hold them with `using`. Zeroing is best effort:
 * a runtime may have moved or copied them before.
 */
export class SecretBytes implements Disposable {
  #bytes: Uint8Array | undefined;

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Takes ownership: the caller neither reads nor writes `bytes` afterwards. */
  static from(bytes: Uint8Array): SecretBytes {
    return new SecretBytes(bytes);
  }

  static copyOf(bytes: Uint8Array): SecretBytes {
    return new SecretBytes(Uint8Array.from(bytes));
  }

  static random(random: Random, lengthBytes: number): SecretBytes {
    return new SecretBytes(randomBytes(random, lengthBytes));
  }

  get lengthBytes(): number {
    return this.#live().length;
  }

  /** Lends the bytes to `use`, which must neither keep nor return them. */
  expose<T>(use: (bytes: Uint8Array) => T): T {
    return use(this.#live());
  }

  /** A second owner, to be disposed by itself. */
  clone(): SecretBytes {
    return SecretBytes.copyOf(this.#live());
  }

  equals(other: SecretBytes): boolean {
    return equalBytes(this.#live(), other.#live());
  }

  toJSON(): string {
    return redacted;
  }

  toString(): string {
    return redacted;
  }

  [nodeInspect](): string {
    return redacted;
  }

  [Symbol.dispose](): void {
    this.#bytes?.fill(0);
    this.#bytes = undefined;
  }

  #live(): Uint8Array {
    if (this.#bytes === undefined) {
      throw baseErrors.ERR_SECRET_DISPOSED("a secret was used after it was erased");
    }
    return this.#bytes;
  }
}
