import { createHash } from "node:crypto";
import type { OrgId } from "@cloister/base";
import { gatewayErrors } from "../errors.ts";
import type { StateBucket } from "./state-bucket.ts";

export interface BurntNonce {
  readonly org: OrgId;
  /** Public key that signed the request: nobody burns the nonces of another. */
  readonly signer: string;
  readonly nonce: Uint8Array;
}

/**
 * Burns nonces across every gateway by creating a key that must not exist. The bucket forgets a
 * key after {@link NONCE_LIFE_MS}, when its request's time lies outside of the window anyway.
 */
export class NonceRegister {
  readonly #bucket: StateBucket;

  constructor(bucket: StateBucket) {
    this.#bucket = bucket;
  }

  /** Call it after the signature was checked: else anybody could fill the bucket. */
  async burn(burnt: BurntNonce): Promise<void> {
    const created = await this.#bucket.create(keyOf(burnt), new Uint8Array(0));
    if (created === undefined) {
      throw gatewayErrors.ERR_VERIFICATION_REPLAYED("this request was taken before");
    }
  }
}

function keyOf({ org, signer, nonce }: BurntNonce): string {
  return createHash("sha256").update(`${org}\0${signer}\0`).update(nonce).digest("hex");
}
