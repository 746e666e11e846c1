import { EngineError } from "./errors.ts";

/**
 * The call frame between here and src/frame.rs: little-endian integers and
 * length-prefixed bytes. Collects parts, so large inputs are copied once, into
 * the engine's memory.
 */
export class FrameWriter {
  readonly #parts: Uint8Array[] = [];
  #lengthBytes = 0;

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  u32(value: number): this {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
      throw new EngineError(
        "engine.usage",
        "An index or a count is not an unsigned 32-bit number.",
      );
    }
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    return this.#push(bytes);
  }

  flag(value: boolean): this {
    return this.u32(value ? 1 : 0);
  }

  bytes(value: Uint8Array, maxBytes: number): this {
    if (!(value instanceof Uint8Array)) {
      throw new EngineError("engine.usage", "An argument is not a Uint8Array.");
    }
    if (value.length > maxBytes) {
      throw new EngineError("engine.limit", `An input is larger than ${maxBytes} bytes.`);
    }
    return this.u32(value.length).#push(value);
  }

  optionalBytes(value: Uint8Array | undefined, maxBytes: number): this {
    this.flag(value !== undefined);
    return value === undefined ? this : this.bytes(value, maxBytes);
  }

  optionalU32(value: number | undefined): this {
    return this.flag(value !== undefined).u32(value ?? 0);
  }

  count(value: number, max: number): this {
    if (value > max) throw new EngineError("engine.limit", `More than ${max} entries.`);
    return this.u32(value);
  }

  writeTo(target: Uint8Array): void {
    let offset = 0;
    for (const part of this.#parts) {
      target.set(part, offset);
      offset += part.length;
    }
  }

  #push(part: Uint8Array): this {
    this.#parts.push(part);
    this.#lengthBytes += part.length;
    return this;
  }
}

/** Reads a result where it lies in the engine's memory; `bytes` copies out. */
export class FrameReader {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u32(): number {
    const value = this.#view.getUint32(this.#offset, true);
    this.#offset += 4;
    return value;
  }

  u64(): bigint {
    const value = this.#view.getBigUint64(this.#offset, true);
    this.#offset += 8;
    return value;
  }

  flag(): boolean {
    return this.u32() !== 0;
  }

  bytes(): Uint8Array {
    const length = this.u32();
    const start = this.#offset;
    this.#offset += length;
    return this.#bytes.slice(start, this.#offset);
  }

  text(): string {
    return String.fromCharCode(...this.bytes());
  }

  optionalBytes(): Uint8Array | undefined {
    return this.flag() ? this.bytes() : undefined;
  }

  list<T>(readOne: (frame: FrameReader) => T): T[] {
    return Array.from({ length: this.u32() }, () => readOne(this));
  }
}
