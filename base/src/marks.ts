declare const verifiedBrand: unique symbol;
declare const sealedBrand: unique symbol;

/** A value whose signature or proof was checked. What authorises takes nothing else. */
export type Verified<T> = T & { readonly [verifiedBrand]: true };

/** Ciphertext. The only bytes that a store accepts. */
export type Sealed = Uint8Array & { readonly [sealedBrand]: true };

/**
 * Only for modules that verify: files named `verify*.ts` or `*-verify.ts`
 * (a test of the repository holds every other import of it).
 */
export function markVerified<T>(value: T): Verified<T> {
  return value as Verified<T>;
}

/** Only for modules that seal: files named `seal*.ts` or `*-seal.ts`. Held by the same test. */
export function markSealed(ciphertext: Uint8Array): Sealed {
  return ciphertext as Sealed;
}
