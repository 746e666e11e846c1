import { type EpochMs, parseEpochMs, type RoomId } from "@cloister/base";
import { effectivePolicy } from "@cloister/rules";
import type { SessionCaller } from "../rpc/caller.ts";

/**
 * Until when a decision for this room holds at most: the session's end, the certificate's, and the
 * ages that the policy gives to session and factors.
 */
export function decisionEndMs({ view, device, session }: SessionCaller, room: RoomId): EpochMs {
  const { account } = device.certificate;
  const policy = effectivePolicy(view.state, { room, at: view.at, account });
  const ends: number[] = [session.expiresMs];
  if (device.certificate.expiresMs !== undefined) ends.push(device.certificate.expiresMs);
  if (policy.sessionMaxAgeSeconds !== undefined) {
    ends.push(session.issuedMs + policy.sessionMaxAgeSeconds * 1_000);
  }
  for (const { factor, maxAgeSeconds } of policy.factors) {
    if (maxAgeSeconds === undefined) continue;
    const times = session.factors.filter((one) => one.factor === factor).map(({ atMs }) => atMs);
    ends.push(Math.max(0, ...times) + maxAgeSeconds * 1_000);
  }
  return parseEpochMs(Math.min(...ends));
}
