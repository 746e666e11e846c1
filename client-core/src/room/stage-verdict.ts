/**
 * - `void`: the commit itself breaks MLS, and does so for every member alike: skipped for good.
 * - `busy`: something of one's own is in the way: cleared, and the same handshake is looked at again.
 * - `lost`: nothing is said about the handshake. This device's state does not lead on: it joins anew.
 */
export type StageVerdict = "void" | "busy" | "lost";

/**
 * The engine's refusals that are final and the same for whoever is in the epoch. The list is closed:
 * a reason that is not on it may be this device's own, and two members who disagree on what is void
 * are in two rooms from then on (docs/protocol.md, Handshakes).
 */
const voidCodes: ReadonlySet<string> = new Set([
  "engine.limit",
  "group.suite-unsupported",
  "message.malformed",
  "message.refused",
  "message.sender-unknown",
  "message.signature-invalid",
  "message.tag-invalid",
  "message.unsupported",
  "message.wrong-epoch",
  "message.wrong-group",
  "message.wrong-kind",
]);

/** A commit that was staged before and neither merged nor dropped. */
const busyCodes: ReadonlySet<string> = new Set(["group.pending-commit"]);

export function stageVerdict(failure: {
  /** The engine's. */
  readonly code: string;
  /** The handshake is signed by this very device. */
  readonly isOwn: boolean;
}): StageVerdict {
  const { code, isOwn } = failure;
  if (busyCodes.has(code)) return "busy";
  // So it calls a commit of one's own whose secrets are gone, which is good for everybody else.
  if (isOwn && code === "message.refused") return "lost";
  return voidCodes.has(code) ? "void" : "lost";
}
