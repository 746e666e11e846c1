import { type AccountNkey, nkeyBytes, parseAccountNkey } from "@cloister/proto";

/** The Ed25519 key behind an account's nkey, as `GatewaySet` carries it. */
export function nkeyRawBytes(nkey: AccountNkey | string): Uint8Array {
  return nkeyBytes(parseAccountNkey(nkey));
}
