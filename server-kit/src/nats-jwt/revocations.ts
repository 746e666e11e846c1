import type { RevocationList } from "./claims.ts";

/** Stands for every user in a revocation list. */
export const allUsers = "*";

/** Adds a revocation: tokens of `user` issued at or before `atSeconds` count no more. */
export function addRevocation(
  list: RevocationList,
  entry: { readonly user: string; readonly atSeconds: number },
): RevocationList {
  const known = list[entry.user] ?? 0;
  return { ...list, [entry.user]: Math.max(known, entry.atSeconds) };
}

/**
 * Drops entries that can no longer refuse anything: tokens that old have expired, or `*` covers
 * them. Without it an account's token grows for ever.
 */
export function compactRevocations(
  list: RevocationList,
  options: { readonly nowSeconds: number; readonly maxLifeSeconds: number },
): RevocationList {
  const all = list[allUsers] ?? 0;
  const oldest = options.nowSeconds - options.maxLifeSeconds;
  const kept = Object.entries(list).filter(
    ([user, atSeconds]) => atSeconds > oldest && (user === allUsers || atSeconds > all),
  );
  return Object.fromEntries(kept);
}

export function isRevoked(
  list: RevocationList,
  token: { readonly user: string; readonly iat: number },
): boolean {
  const at = Math.max(list[token.user] ?? 0, list[allUsers] ?? 0);
  return at > 0 && at >= token.iat;
}
