import { addMs, type EpochMs, newStatementId } from "@cloister/base";
import { describe, expect, test } from "vitest";
import type { LevelPolicy, PolicyFact } from "../state/facts.ts";
import type { Change } from "../state/history.ts";
import type { RoleName } from "../state/names.ts";
import type { OrgState } from "../state/org-state.ts";
import { orgScope, projectScope, roomScope, type Scope, scopeKey } from "../state/scope.ts";
import { firstDevice, noPolicy, seededRandom, TestOrg } from "../testing/index.ts";
import { decide, type SessionProof } from "./decide.ts";
import { effectivePolicy } from "./effective.ts";
import { policyHash } from "./hash.ts";

const random = seededRandom("decide");
const org = await TestOrg.create();
const bob = await org.addMember();
const project = await org.createProject();
const room = await org.createRoom({ project });
const levels: readonly Scope[] = [orgScope, projectScope(project), roomScope(room)];
const device = firstDevice(bob).certificate.device;
const at = org.size;
const certifiedMs = org.state.devices.get(device)?.certifiedMs ?? org.nowMs;
const nowMs = addMs(certifiedMs, 1_000_000);

type Policies = readonly (Partial<LevelPolicy> | undefined)[];

/** A state in which the three levels have these policies and Bob these roles. */
function stateWith(
  policies: Policies,
  roles: readonly (RoleName | undefined)[] = ["user"],
): OrgState {
  const facts = new Map<ReturnType<typeof scopeKey>, Change<PolicyFact>[]>();
  const held = new Map<
    ReturnType<typeof scopeKey>,
    Map<typeof bob.id, Change<RoleName | undefined>[]>
  >();
  levels.forEach((scope, index) => {
    const policy = policies[index];
    if (policy !== undefined) {
      const value = { statement: newStatementId(random), policy: { ...noPolicy, ...policy } };
      facts.set(scopeKey(scope), [{ position: 1, value }]);
    }
    held.set(scopeKey(scope), new Map([[bob.id, [{ position: 1, value: roles[index] }]]]));
  });
  return { ...org.state, policies: facts, roles: held };
}

function ask(state: OrgState, session?: SessionProof) {
  return decide(state, { account: bob.id, room, device, session, at, nowMs });
}

const totp = (maxAgeSeconds?: number) => [{ factor: "totp", maxAgeSeconds } as const];
const sessionAt = (issuedMs: EpochMs, ...factorAgesSeconds: number[]): SessionProof => ({
  issuedMs,
  factors: factorAgesSeconds.map((age) => ({ factor: "totp", atMs: addMs(nowMs, -age * 1000) })),
});

describe("decide, against a specification of its own", () => {
  /** One level, by what it demands of Bob in words rather than as a policy. */
  interface Level {
    readonly policy: Partial<LevelPolicy> | undefined;
    /** Oldest age of a code in seconds; Infinity: any; undefined: wants none. */
    readonly codeWithin?: number;
    readonly waivedFor?: RoleName;
    readonly denies?: true;
    readonly sessionWithin?: number;
    readonly deviceFrom?: number;
  }

  const kinds: readonly Level[] = [
    { policy: undefined },
    { policy: { factors: totp() }, codeWithin: Infinity },
    { policy: { factors: totp(30) }, codeWithin: 30 },
    { policy: { factors: totp(30), exemptRoles: ["user"] }, codeWithin: 30, waivedFor: "user" },
    {
      policy: { factors: totp(), exemptRoles: ["owner"] },
      codeWithin: Infinity,
      waivedFor: "owner",
    },
    { policy: { deniedAccounts: [bob.id] }, denies: true },
    { policy: { deniedAccounts: [org.owner.id], exemptRoles: ["user"] } },
    { policy: { sessionMaxAgeSeconds: 500 }, sessionWithin: 500 },
    { policy: { deviceMinAgeSeconds: 2000 }, deviceFrom: 2000 },
    { policy: { deviceMinAgeSeconds: 1000, exemptRoles: ["user", "owner"] }, deviceFrom: 1000 },
  ];

  const sessions: readonly {
    readonly proof: SessionProof | undefined;
    readonly age: number;
    readonly code: number | undefined;
  }[] = [
    { proof: undefined, age: Infinity, code: undefined },
    { proof: sessionAt(addMs(nowMs, -100_000)), age: 100, code: undefined },
    { proof: sessionAt(addMs(nowMs, -100_000), 30), age: 100, code: 30 },
    { proof: sessionAt(addMs(nowMs, -100_000), 90, 31), age: 100, code: 31 },
    { proof: sessionAt(addMs(nowMs, -501_000), 5), age: 501, code: 5 },
  ];

  const roleSets: readonly (readonly (RoleName | undefined)[])[] = [
    ["user", undefined, "user"],
    ["user", "owner", "owner"],
    ["owner", "owner", undefined],
    ["user", "user", undefined],
    [undefined, undefined, "user"],
  ];

  const deviceAge = 1000;

  function specified(
    chosen: readonly Level[],
    roles: readonly (RoleName | undefined)[],
    session: (typeof sessions)[number],
  ): boolean {
    if (roles[0] === undefined || roles[2] === undefined) return false;
    return chosen.every((level, index) => {
      if (level.denies === true) return false;
      if (level.sessionWithin !== undefined && session.age > level.sessionWithin) return false;
      if (level.deviceFrom !== undefined && deviceAge < level.deviceFrom) return false;
      if (level.codeWithin === undefined) return true;
      if (level.waivedFor !== undefined && level.waivedFor === roles[index]) return true;
      return session.code !== undefined && session.code <= level.codeWithin;
    });
  }

  test("every combination of 10 policies on three levels, 5 sets of roles and 5 sessions", () => {
    let count = 0;
    let allowed = 0;
    for (const first of kinds)
      for (const second of kinds)
        for (const third of kinds) {
          const chosen = [first, second, third];
          for (const roles of roleSets) {
            const state = stateWith(
              chosen.map(({ policy }) => policy),
              roles,
            );
            for (const session of sessions) {
              const decision = ask(state, session.proof);
              const wanted = specified(chosen, roles, session);
              if (decision.allowed !== wanted) {
                expect({ chosen, roles, session, decision }).toEqual({ allowed: wanted });
              }
              if (decision.missingFactors.length > 0 && decision.allowed) {
                expect(decision).toEqual("no factor is missing where it is allowed");
              }
              count += 1;
              if (decision.allowed) allowed += 1;
            }
          }
        }
    expect(count).toBe(25_000);
    expect(allowed).toBeGreaterThan(500);
    expect(allowed).toBeLessThan(20_000);
  });
});

describe("decide", () => {
  test("[F38] a denial of the org beats a room that demands nothing", () => {
    const state = stateWith(
      [{ deniedAccounts: [bob.id] }, undefined, {}],
      ["user", undefined, "owner"],
    );
    const decision = ask(state, sessionAt(nowMs, 0));
    expect(decision.allowed).toBe(false);
    expect(decision.rules.find(({ passed }) => !passed)).toEqual({
      source: "org policy",
      passed: false,
      text: "denies this account",
      hint: "Ask an owner of this level to lift the denial.",
    });
  });

  test("[F15] levels add up: a room's own demand does not replace its project's", () => {
    const state = stateWith(
      [undefined, { factors: totp() }, { sessionMaxAgeSeconds: 10 }],
      ["user", undefined, "user"],
    );
    const decision = ask(state, sessionAt(addMs(nowMs, -11_000)));
    expect(decision.missingFactors).toEqual(["totp"]);
    expect(decision.rules.map(({ source, passed }) => `${source} ${passed}`)).toEqual([
      "org policy true",
      "project policy false",
      "room policy false",
      "membership true",
      "device true",
    ]);
  });

  test("[F160] the explanation names each rule, with what to do where it refuses, the same each time", () => {
    const state = stateWith(
      [{ factors: totp(60) }, undefined, undefined],
      ["user", undefined, undefined],
    );
    const decision = ask(state);
    expect(decision.rules).toEqual([
      {
        source: "org policy",
        passed: false,
        text: "wants TOTP within 60 s: not presented",
        hint: "Present TOTP.",
      },
      { source: "project policy", passed: true, text: "demands nothing", hint: "" },
      { source: "room policy", passed: true, text: "demands nothing", hint: "" },
      {
        source: "membership",
        passed: false,
        text: "no role in the room",
        hint: "Ask an owner of the room for a role in it.",
      },
      { source: "device", passed: true, text: "certified and not revoked", hint: "" },
    ]);
    expect(ask(state)).toEqual(decision);
  });

  test("without a device the account's live one is judged; with another's none is", () => {
    const state = stateWith([], ["user", undefined, "user"]);
    const query = { account: bob.id, room, at, nowMs };
    expect(decide(state, query).allowed).toBe(true);
    const foreign = firstDevice(org.owner).certificate.device;
    expect(decide(state, { ...query, device: foreign }).allowed).toBe(false);
    expect(decide(state, { ...query, account: org.owner.id, device: foreign }).allowed).toBe(false);
  });

  test("a room that the log does not know yet is refused", () => {
    const state = stateWith([], ["user", undefined, "user"]);
    const decision = decide(state, { account: bob.id, room, device, at: 3, nowMs });
    expect(decision.allowed).toBe(false);
    expect(decision.rules.map(({ source }) => source)).toEqual(["membership", "device"]);
  });

  test("a presentation from the future does not count", () => {
    const state = stateWith([{ factors: totp(30) }], ["user", undefined, "user"]);
    expect(ask(state, sessionAt(nowMs, -600)).missingFactors).toEqual(["totp"]);
  });
});

describe("effective policy and its hash", () => {
  test("takes the shortest ages of session and factor, the longest of the device, all denials", () => {
    const state = stateWith([
      {
        factors: totp(),
        sessionMaxAgeSeconds: 100,
        deviceMinAgeSeconds: 5,
        deniedAccounts: [bob.id],
      },
      { factors: totp(60), deviceMinAgeSeconds: 9 },
      { factors: totp(90), sessionMaxAgeSeconds: 50, deniedAccounts: [bob.id, org.owner.id] },
    ]);
    expect(effectivePolicy(state, { room, at })).toEqual({
      factors: totp(60),
      deniedAccounts: [bob.id, org.owner.id],
      sessionMaxAgeSeconds: 50,
      deviceMinAgeSeconds: 9,
    });
  });

  test("exempts for the role held at the level that names it, and for no other", () => {
    const policies = [{ factors: totp(), exemptRoles: ["owner"] }] as const;
    const wanted = (roles: readonly (RoleName | undefined)[]) =>
      effectivePolicy(stateWith(policies, roles), { room, at, account: bob.id }).factors.length;
    expect(wanted(["owner"])).toBe(0);
    expect(wanted(["user", "owner", "owner"])).toBe(1);
  });

  test("the hash moves with every level's statement, and with nothing else", async () => {
    const hashes = [policyHash(org.state, { room, at: org.size })];
    expect(hashes[0]).toEqual(org.state.crypto.sha256(new Uint8Array(48)));
    for (const scope of levels) {
      await org.setPolicy(scope, {});
      hashes.push(policyHash(org.state, { room, at: org.size }));
      await org.setPolicy(projectScope(await org.createProject()), {});
      expect(policyHash(org.state, { room, at: org.size })).toEqual(hashes.at(-1));
    }
    expect(new Set(hashes.map((hash) => hash.toHex())).size).toBe(4);
    expect(policyHash(org.state, { room, at })).toEqual(hashes[0]);
  });
});
