import { EngineError, parseEngineErrorCode } from "./errors.ts";
import { FrameReader, FrameWriter } from "./frame.ts";
import { fillRandom, type WasmMemory, wasmApi } from "./globals.ts";
import type { EngineModule, EnginePorts } from "./types.ts";

const LENGTH_BYTES = 4;

type EngineFunction = (...args: number[]) => number;

/** One WebAssembly instance and its memory: what every call goes through. */
export class EngineInstance implements Disposable {
  #exports: Readonly<Record<string, unknown>> | undefined;
  #isTrapped = false;

  constructor(module: EngineModule, ports: EnginePorts) {
    const fill = ports.fillRandom ?? fillRandom;
    const host = {
      fill_random: (pointer: number, lengthBytes: number) =>
        fill(this.#bytesAt(pointer, lengthBytes)),
    };
    this.#exports = instantiate(module, { host });
  }

  memoryBytes(): number {
    return this.#memory().buffer.byteLength;
  }

  /** Runs one export; `decode` reads the result before its memory is freed. */
  call<T>(name: string, input: FrameWriter, decode: (frame: FrameReader) => T): T {
    const run = this.#function(name);
    try {
      const argument = this.#alloc(input);
      const result = run(argument, input.lengthBytes) >>> 0;
      return this.#take(result, decode);
    } catch (cause) {
      if (cause instanceof EngineError) throw cause;
      this.#isTrapped = true;
      this.#exports = undefined;
      throw new EngineError("engine.trapped", TRAPPED, { cause });
    }
  }

  /** Runs an export without a result. */
  run(name: string, input: FrameWriter): void {
    this.call(name, input, () => undefined);
  }

  [Symbol.dispose](): void {
    this.#exports = undefined;
  }

  #alloc(input: FrameWriter): number {
    const pointer = this.#function("engine_alloc")(input.lengthBytes) >>> 0;
    input.writeTo(this.#bytesAt(pointer, input.lengthBytes));
    return pointer;
  }

  #take<T>(pointer: number, decode: (frame: FrameReader) => T): T {
    const lengthBytes = new FrameReader(this.#bytesAt(pointer, LENGTH_BYTES)).u32();
    try {
      const frame = new FrameReader(this.#bytesAt(pointer + LENGTH_BYTES, lengthBytes));
      if (frame.u32() === 0) return decode(frame);
      throw new EngineError(parseEngineErrorCode(frame.text()), frame.text());
    } finally {
      this.#function("engine_free")(pointer, LENGTH_BYTES + lengthBytes);
    }
  }

  #bytesAt(pointer: number, lengthBytes: number): Uint8Array {
    return new Uint8Array(this.#memory().buffer, pointer, lengthBytes);
  }

  #memory(): WasmMemory {
    const memory = this.#live()["memory"];
    if (isMemory(memory)) return memory;
    throw new EngineError("engine.module-invalid", "The module has no memory.");
  }

  #function(name: string): EngineFunction {
    const value = this.#live()[name];
    if (isFunction(value)) return value;
    throw new EngineError("engine.module-invalid", `The module has no export ${name}.`);
  }

  #live(): Readonly<Record<string, unknown>> {
    if (this.#exports !== undefined) return this.#exports;
    if (this.#isTrapped) throw new EngineError("engine.trapped", TRAPPED);
    throw new EngineError("engine.disposed", "The engine has been disposed.");
  }
}

const TRAPPED =
  "The engine trapped; drop the instance, make a new one and restore it from the store.";

function instantiate(module: EngineModule, imports: object): Readonly<Record<string, unknown>> {
  try {
    const compiled = module instanceof Uint8Array ? new wasmApi.Module(module) : module;
    return new wasmApi.Instance(compiled, imports).exports;
  } catch (cause) {
    throw new EngineError("engine.module-invalid", "These are not the engine's bytes.", { cause });
  }
}

function isFunction(value: unknown): value is EngineFunction {
  return typeof value === "function";
}

function isMemory(value: unknown): value is WasmMemory {
  return typeof value === "object" && value !== null && "buffer" in value;
}
