import type { AccountId, DeviceId, EpochMs, RoomId } from "@cloister/base";
import { TOKEN_SKEW_MS } from "../limits.ts";
import { type DeviceView, devicesOf } from "../state/devices.ts";
import type { FactorRequirement, LevelPolicy } from "../state/facts.ts";
import type { FactorName } from "../state/names.ts";
import type { OrgState } from "../state/org-state.ts";
import { roomAt } from "../state/places.ts";
import { roleOf } from "../state/roles.ts";
import { roomScope, type Scope } from "../state/scope.ts";
import { isExempt, policyLevels } from "./effective.ts";

/** What a session has proved: the facts of a verified token. */
export interface SessionProof {
  readonly issuedMs: EpochMs;
  readonly factors: readonly { readonly factor: FactorName; readonly atMs: EpochMs }[];
}

export interface DecisionQuery {
  readonly account: AccountId;
  readonly room: RoomId;
  /** Without one (an explanation for somebody else) the account's oldest live device is judged. */
  readonly device?: DeviceId | undefined;
  /** Without one no factor counts as presented. */
  readonly session?: SessionProof | undefined;
  readonly at: number;
  readonly nowMs: EpochMs;
}

export type RuleSource = "org policy" | "project policy" | "room policy" | "membership" | "device";

export interface DecisionRule {
  readonly source: RuleSource;
  readonly passed: boolean;
  readonly text: string;
  /** What to do where it refuses; else empty. */
  readonly hint: string;
}

export interface Decision {
  readonly room: RoomId;
  readonly allowed: boolean;
  /** Each rule that counted, in order: the first that refuses decides. */
  readonly rules: readonly DecisionRule[];
  readonly missingFactors: readonly FactorName[];
}

/** May this device of this account use the room now? Every rule has to pass; whatever is unknown refuses. */
export function decide(state: OrgState, query: DecisionQuery): Decision {
  const device = judgedDevice(state, query);
  const levels = policyLevels(state, query).map(({ scope, fact }) => ({
    source: policySource(scope),
    policy: fact?.policy,
    isWaived: isExempt(state, { account: query.account, scope, at: query.at }),
  }));
  const policyRules = levels.flatMap((level) => judgeLevel(level, query, device));
  const rules = [...policyRules, membershipRule(state, query), deviceRule(device)];
  const missing = levels.flatMap(({ policy, isWaived }) =>
    policy === undefined || isWaived
      ? []
      : policy.factors.filter((wanted) => factorAge(wanted, query) !== "fresh"),
  );
  return {
    room: query.room,
    allowed: rules.every(({ passed }) => passed),
    rules,
    missingFactors: [...new Set(missing.map(({ factor }) => factor))],
  };
}

interface Level {
  readonly source: RuleSource;
  readonly policy: LevelPolicy | undefined;
  readonly isWaived: boolean;
}

function judgeLevel(
  level: Level,
  query: DecisionQuery,
  device: DeviceView | undefined,
): DecisionRule[] {
  const { policy, source } = level;
  if (policy === undefined) return [{ source, passed: true, text: "demands nothing", hint: "" }];
  const rules = [
    ...denialRules(level, policy, query),
    ...policy.factors.map((wanted) => factorRule(level, wanted, query)),
    ...sessionAgeRules(level, policy, query),
    ...deviceAgeRules(level, policy, { query, device }),
  ];
  return rules.length > 0 ? rules : [{ source, passed: true, text: "demands nothing", hint: "" }];
}

function denialRules({ source }: Level, policy: LevelPolicy, query: DecisionQuery): DecisionRule[] {
  if (policy.deniedAccounts.length === 0) return [];
  return policy.deniedAccounts.includes(query.account)
    ? [refuse(source, "denies this account", "Ask an owner of this level to lift the denial.")]
    : [pass(source, "does not deny this account")];
}

function factorRule(level: Level, wanted: FactorRequirement, query: DecisionQuery): DecisionRule {
  const { source } = level;
  const name = wanted.factor.toUpperCase();
  if (level.isWaived) return pass(source, `${name} is waived for the account's role at this level`);
  const within = wanted.maxAgeSeconds === undefined ? "" : ` within ${wanted.maxAgeSeconds} s`;
  switch (factorAge(wanted, query)) {
    case "fresh":
      return pass(source, `wants ${name}${within}: presented`);
    case "old":
      return refuse(
        source,
        `wants ${name}${within}: presented too long ago`,
        `Present ${name} again.`,
      );
    case "missing":
      return refuse(source, `wants ${name}${within}: not presented`, `Present ${name}.`);
    default:
      throw new TypeError("unreachable");
  }
}

/** The newest presentation counts. One from the future, beyond what clocks differ by, is a lie and does not. */
function factorAge(wanted: FactorRequirement, query: DecisionQuery): "fresh" | "old" | "missing" {
  const presented = (query.session?.factors ?? []).filter(
    ({ factor, atMs }) => factor === wanted.factor && atMs <= query.nowMs + TOKEN_SKEW_MS,
  );
  if (presented.length === 0) return "missing";
  if (wanted.maxAgeSeconds === undefined) return "fresh";
  const ageMs = query.nowMs - Math.max(...presented.map(({ atMs }) => atMs));
  return ageMs <= wanted.maxAgeSeconds * 1000 ? "fresh" : "old";
}

function sessionAgeRules(
  { source }: Level,
  policy: LevelPolicy,
  query: DecisionQuery,
): DecisionRule[] {
  const limit = policy.sessionMaxAgeSeconds;
  if (limit === undefined) return [];
  const text = `wants a session of at most ${limit} s`;
  const { session, nowMs } = query;
  if (session === undefined) return [refuse(source, `${text}: none presented`, "Sign in.")];
  return nowMs - session.issuedMs <= limit * 1000
    ? [pass(source, `${text}: it is`)]
    : [refuse(source, `${text}: it is older`, "Sign in again.")];
}

function deviceAgeRules(
  { source }: Level,
  policy: LevelPolicy,
  { query, device }: { readonly query: DecisionQuery; readonly device: DeviceView | undefined },
): DecisionRule[] {
  const limit = policy.deviceMinAgeSeconds;
  if (limit === undefined) return [];
  const text = `wants a device certified at least ${limit} s ago`;
  if (device === undefined)
    return [refuse(source, `${text}: none known`, "Use a certified device.")];
  const ageMs = query.nowMs - device.certifiedMs;
  return ageMs >= limit * 1000
    ? [pass(source, `${text}: it was`)]
    : [
        refuse(
          source,
          `${text}: it is newer`,
          `Use an older device, or wait until this one is ${limit} s old.`,
        ),
      ];
}

function membershipRule(state: OrgState, { account, room, at }: DecisionQuery): DecisionRule {
  const source = "membership";
  if (roomAt(state, { room, at }) === undefined) {
    return refuse(source, "the log knows no such room", "Look at the room's id again.");
  }
  const role = roleOf(state, { account, scope: roomScope(room), at });
  return role === undefined
    ? refuse(source, "no role in the room", "Ask an owner of the room for a role in it.")
    : pass(source, `${role} of the room`);
}

function deviceRule(device: DeviceView | undefined): DecisionRule {
  const source = "device";
  if (device === undefined) {
    return refuse(
      source,
      "no such device of this account",
      "Register a device with an invitation.",
    );
  }
  switch (device.status) {
    case "live":
      return pass(source, "certified and not revoked");
    case "revoked":
      return refuse(source, "the device is revoked", "Use another device of this account.");
    case "expired":
      return refuse(source, "the device's certificate has expired", "Certify the device anew.");
    case "no-role":
      return refuse(
        source,
        "the account has no role in the org",
        "Ask an owner of the org for a role.",
      );
    default:
      throw device.status satisfies never;
  }
}

function judgedDevice(state: OrgState, query: DecisionQuery): DeviceView | undefined {
  const devices = devicesOf(state, { account: query.account, at: query.at });
  if (query.device !== undefined) {
    return devices.find(({ certificate }) => certificate.device === query.device);
  }
  return devices.find(({ status }) => status === "live") ?? devices[0];
}

function policySource(scope: Scope): RuleSource {
  switch (scope.kind) {
    case "org":
      return "org policy";
    case "project":
      return "project policy";
    case "room":
      return "room policy";
    default:
      throw scope satisfies never;
  }
}

function pass(source: RuleSource, text: string): DecisionRule {
  return { source, passed: true, text, hint: "" };
}

function refuse(source: RuleSource, text: string, hint: string): DecisionRule {
  return { source, passed: false, text, hint };
}
