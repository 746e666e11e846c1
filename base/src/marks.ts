declare const verifiedBrand: unique symbol;
declare const sealedBrand: unique symbol;

/** A value whose signature or proof was checked. What authorises takes nothing else. */
export type Verified<T> = T & { readonly [verifiedBrand]: true };

/** Ciphertext. The only bytes that a store accepts. */
export type Sealed = Uint8Array & { readonly [sealedBrand]: true };

/**
 * Only for modules that verify: their file or folder says so in its name. A test of the repository
 * refuses every other use.
 */
export function markVerified<T>(value: T): Verified<T> {
  return value as Verified<T>;
}

/** Only for modules that seal: their file or folder says so in its name. Held by the same test. */
export function markSealed(ciphertext: Uint8Array): Sealed {
  return ciphertext as Sealed;
}
