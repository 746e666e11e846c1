/**
 * The few platform globals the wrappers use, typed here because the pure
 * packages load neither DOM nor Node types. Erased at run time.
 */

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

export interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}

export interface WasmApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => WasmInstance;
}

declare const WebAssembly: WasmApi;
declare const crypto: { getRandomValues(target: Uint8Array): Uint8Array };

export const wasmApi: WasmApi = WebAssembly;

/** `crypto.getRandomValues` takes at most this many bytes a call. */
const RANDOM_CHUNK_BYTES = 65_536;

/** The platform's cryptographic randomness: the default of `EnginePorts.fillRandom`. */
export function fillRandom(target: Uint8Array): void {
  for (let offset = 0; offset < target.length; offset += RANDOM_CHUNK_BYTES) {
    crypto.getRandomValues(target.subarray(offset, offset + RANDOM_CHUNK_BYTES));
  }
}
