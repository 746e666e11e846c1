import type { DeviceId, EpochMs, PublicKey, StatementId } from "@cloister/base";
import type { statementsV1 } from "@cloister/proto";
import { rulesErrors } from "../errors.ts";
import { type DeviceView, deviceAt } from "../state/devices.ts";
import type { OrgFacts } from "../state/facts.ts";
import type { OrgState } from "../state/org-state.ts";
import { isOwnerOver } from "../state/roles.ts";
import type { Scope } from "../state/scope.ts";

/** Writes an accepted entry into the facts. It cannot fail: everything was checked before it was made. */
export type Effect = (facts: OrgFacts) => void;

/** A statement as its body is judged: where it would stand, and when. */
export interface StatementContext {
  readonly state: OrgState;
  /** The entries before it are the log of this size. */
  readonly position: number;
  /** Log time of the entry. */
  readonly timeMs: EpochMs;
  readonly statement: StatementId;
  readonly device: DeviceId | undefined;
}

/** What the rules of one kind of body say about a statement. */
export interface Judgement {
  /** One group a signature, in order: a key of the group must have made it. */
  readonly signers: readonly (readonly PublicKey[])[];
  /** Current version of what the statement changes. */
  readonly version: number;
  /** The one version that this kind ever changes: 0 for what it creates. Undefined: any. */
  readonly onlyVersion?: 0 | 1;
  /** Throws unless the signers have the right; called once the signatures are verified. */
  readonly check: () => Effect;
}

/** Throws unless the statement changes the current version, and one that its kind may change. */
export function checkVersion({ version, onlyVersion }: Judgement, stated: number): void {
  if (version !== stated || (onlyVersion !== undefined && version !== onlyVersion)) {
    throw rulesErrors.ERR_VERIFICATION_STATEMENT_VERSION(
      "the statement changes another version than the current one, or what can be made only once",
      { details: { current: version, stated } },
    );
  }
}

export type Body = NonNullable<statementsV1.Statement["body"]>;
export type BodyKind = Body["$case"];
export type BodyOf<Kind extends BodyKind> = Extract<Body, { readonly $case: Kind }>["value"];

/** The device that the statement names: live at its position, by the entry's time. */
export function signingDevice(context: StatementContext): DeviceView {
  const { state, position, timeMs, device } = context;
  if (device === undefined) throw notASigner("this statement needs a device as its signer");
  const view = deviceAt(state, { device, at: position, timeMs });
  if (view?.status !== "live") {
    throw notASigner(`the signing device is ${view?.status ?? "unknown"} at this position`);
  }
  return view;
}

/** For bodies whose signers they name themselves. */
export function requireNoDevice(context: StatementContext): void {
  if (context.device !== undefined) throw notASigner("this statement is not signed by a device");
}

export function requireOwnerOver(
  context: StatementContext,
  signer: DeviceView,
  scope: Scope,
): void {
  const { state, position: at } = context;
  const { account } = signer.certificate;
  if (!isOwnerOver(state, { account, scope, at })) {
    throw rulesErrors.ERR_POLICY_STATEMENT_RIGHT("the signer is no owner of this level", {
      details: { account, scope: scope.kind, position: at },
    });
  }
}

function notASigner(message: string): Error {
  return rulesErrors.ERR_VERIFICATION_STATEMENT_SIGNER(message);
}
