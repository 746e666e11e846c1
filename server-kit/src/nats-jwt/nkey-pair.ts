import { type KeyObject, randomBytes, sign, verify } from "node:crypto";
import { SecretBytes } from "@cloister/base";
import { ed25519PrivateKey, ed25519PublicBytes, ed25519PublicKey } from "../ed25519.ts";
import { kitErrors } from "../errors.ts";
import {
  formatNkey,
  formatNkeySeed,
  type Nkey,
  type NkeyRole,
  nkeyBytesOf,
  nkeyRoles,
  parseNkeySeed,
} from "./nkey-codec.ts";

/** What signs NATS claims: a key pair in memory, or a key store behind the same two members. */
export interface NkeySigner<Role extends NkeyRole = NkeyRole> {
  readonly publicKey: Nkey<Role>;
  sign(data: Uint8Array): Uint8Array;
}

/** A NATS key pair that signs with the platform's Ed25519. Its seed leaves only by `exposeSeed`. */
export class NkeyPair<Role extends NkeyRole = NkeyRole> implements NkeySigner<Role>, Disposable {
  readonly role: Role;
  readonly publicKey: Nkey<Role>;
  readonly #privateKey: KeyObject;
  readonly #seed: SecretBytes;

  private constructor(role: Role, seed: SecretBytes) {
    this.role = role;
    this.#seed = seed;
    this.#privateKey = seed.expose(ed25519PrivateKey);
    this.publicKey = formatNkey(role, ed25519PublicBytes(this.#privateKey));
  }

  static generate<Role extends NkeyRole>(role: Role): NkeyPair<Role> {
    return new NkeyPair(role, SecretBytes.from(randomBytes(32)));
  }

  /** Takes the 32 raw bytes of a seed; the pair keeps its own copy. */
  static fromSeedBytes<Role extends NkeyRole>(role: Role, seed: Uint8Array): NkeyPair<Role> {
    if (seed.length !== 32) throw kitErrors.ERR_NKEY_MALFORMED("a seed has 32 bytes");
    return new NkeyPair(role, SecretBytes.copyOf(seed));
  }

  static fromSeedText<Role extends NkeyRole>(role: Role, text: string): NkeyPair<Role> {
    return new NkeyPair(role, SecretBytes.from(parseNkeySeed(role, text)));
  }

  sign(data: Uint8Array): Uint8Array {
    return sign(null, data, this.#privateKey);
  }

  exposeSeed<T>(use: (seed: Uint8Array) => T): T {
    return this.#seed.expose(use);
  }

  /** The text that other NATS tools read; a secret. */
  exposeSeedText<T>(use: (seedText: string) => T): T {
    return this.#seed.expose((seed) => use(formatNkeySeed(this.role, seed)));
  }

  toJSON(): { role: Role; publicKey: Nkey<Role> } {
    return { role: this.role, publicKey: this.publicKey };
  }

  [Symbol.dispose](): void {
    this.#seed[Symbol.dispose]();
  }
}

export interface NkeySignature {
  readonly publicKey: string;
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
}

/** True if `signature` over `data` is by `publicKey`, whatever NATS role it has. */
export function isNkeySignature(input: NkeySignature): boolean {
  const role = (Object.keys(nkeyRoles) as NkeyRole[]).find((name) =>
    input.publicKey.startsWith(nkeyRoles[name].letter),
  );
  if (role === undefined || input.signature.length !== 64) return false;
  const key = ed25519PublicKey(nkeyBytesOf(role, input.publicKey));
  return verify(null, input.data, key, input.signature);
}
