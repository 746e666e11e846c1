import { readFileSync } from "node:fs";
import { createMemberEngine } from "@cloister/group-engine/member";
import { createPublicEngine } from "@cloister/group-engine/public";
import type { MemberEngine, PublicEngine, StoreEntry } from "@cloister/group-engine/types";
import { memberWasmHref, publicWasmHref } from "@cloister/group-engine/wasm-paths";
import { Random } from "./random.ts";

/** Compiled once a test file; instances share nothing else. */
export const memberModule = new WebAssembly.Module(readFileSync(new URL(memberWasmHref)));
export const publicModule = new WebAssembly.Module(readFileSync(new URL(publicWasmHref)));

export const emptyBytes: Uint8Array = new Uint8Array();

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** A device with a store of its own: what client-core will be, as far as the engine sees it. */
export class Device implements Disposable {
  readonly name: string;
  readonly random: Random;
  readonly #seed: Uint8Array;
  /** The disk: the only thing that survives `crash`. */
  readonly disk = new Map<string, StoreEntry>();
  engine: MemberEngine;

  constructor(name: string, random: Random) {
    this.name = name;
    this.random = random;
    this.#seed = random.bytes(32);
    this.engine = this.#start();
  }

  /** The identity a credential carries here. */
  get credential(): Uint8Array {
    return utf8(this.name);
  }

  /** One store transaction: what peekWrites says goes to the disk. */
  persist(): void {
    const { puts, deletes } = this.engine.peekWrites();
    for (const entry of puts) this.disk.set(hex(entry.key), entry);
    for (const key of deletes) this.disk.delete(hex(key));
    this.engine.commitWrites();
  }

  /** The process dies and comes back with what was on its disk. */
  crash(groupIds: readonly Uint8Array[]): void {
    this.engine[Symbol.dispose]();
    this.engine = this.#start();
    this.engine.restore(this.disk.values());
    for (const groupId of groupIds) this.engine.load(groupId);
  }

  [Symbol.dispose](): void {
    this.engine[Symbol.dispose]();
  }

  #start(): MemberEngine {
    return createMemberEngine(memberModule, {
      leafSecretSeed: this.#seed,
      credential: this.credential,
      fillRandom: (target) => target.set(this.random.bytes(target.length)),
    });
  }
}

export function publicEngine(): PublicEngine {
  return createPublicEngine(publicModule);
}
