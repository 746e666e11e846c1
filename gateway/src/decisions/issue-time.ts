import type { UserNkey } from "@cloister/proto";
import type { OrgState } from "@cloister/rules";
import { issueSecondsFor, REVOCATION_MARGIN_SECONDS } from "@cloister/server-kit";

/**
 * The first second in which a NATS token for this device may be issued; 0: at once. When an account
 * loses a role or is denied, accounts revokes what its devices hold, and whatever is issued within
 * a margin after the loss. A token for what is left has to come later, or the servers refuse it.
 *
 * The gateway waits for that second rather than write a later one into the token: a token from the
 * future would outlive a second loss within the margin.
 */
export function firstIssueSecond(
  state: OrgState,
  { user, nowMs }: { readonly user: UserNkey; readonly nowMs: number },
): number {
  const nowSeconds = Math.floor(nowMs / 1_000);
  const newestMs = state.entries.at(-1)?.timeMs ?? 0;
  // All but always the log is older than that, and nothing has to be looked for.
  if (newestMs < (nowSeconds - REVOCATION_MARGIN_SECONDS - 1) * 1_000) return 0;
  const second = issueSecondsFor(state, { user, nowSeconds });
  return second === nowSeconds ? 0 : second;
}
