import { accountIdFromBytes, deviceIdFromBytes, parseEpochMs } from "@cloister/base";
import { userNkeyFromBytes } from "@cloister/proto";
import type { LevelPolicy } from "@cloister/rules";
import { describe, expect, test } from "vitest";
import { NkeyPair } from "./nats-jwt/nkey-pair.ts";
import {
  issueSecondsFor,
  type LossFacts,
  MAX_ACCOUNT_REVOCATIONS,
  REVOCATION_MARGIN_SECONDS,
  revocationsOf,
} from "./revocations-of-log.ts";

const nowSeconds = 1_800_000_000;

function id(number: number): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, index) => (number >> (index * 8)) & 255);
}
const account = (number: number) => accountIdFromBytes(id(number));

/** One device each for accounts 0 to `count` - 1; the log's entries came at these ages. */
function facts(count: number, agesSeconds: readonly number[]) {
  const users = Array.from({ length: count }, (_, number) =>
    userNkeyFromBytes(Uint8Array.from({ length: 32 }, (_b, at) => (number >> (at * 8)) & 255)),
  );
  const devices = users.map((nkey, number) => {
    const certificate = { device: deviceIdFromBytes(id(number)), account: account(number), nkey };
    const certifiedMs = parseEpochMs(0);
    return [certificate.device, { certificate, certifiedAt: 0, certifiedMs, revokedAt: undefined }];
  });
  const entries = agesSeconds.map((age) => ({
    statement: undefined,
    timeMs: parseEpochMs((nowSeconds - age) * 1000),
    root: new Uint8Array(32),
  }));
  const empty = {
    entries,
    roles: new Map(),
    policies: new Map(),
    devices: new Map(devices as never),
  };
  return { users, state: empty as unknown as LossFacts & { roles: Map<string, unknown> } };
}

const openPolicy: LevelPolicy = {
  factors: [],
  exemptRoles: [],
  deniedAccounts: [],
  sessionMaxAgeSeconds: undefined,
  deviceMinAgeSeconds: undefined,
};

describe("revocations from the log", () => {
  test("a lost role revokes the account's devices at the loss, with a margin", () => {
    const { state, users } = facts(2, [100, 50, 10]);
    const history = [
      { position: 1, value: "user" },
      { position: 2, value: undefined },
    ];
    state.roles.set("org", new Map([[account(1), history]]));
    expect(revocationsOf(state, nowSeconds)).toEqual({
      [users[1] ?? ""]: nowSeconds - 10 + REVOCATION_MARGIN_SECONDS,
    });
  });

  test("a gained role revokes nothing, nor does a loss older than any token", () => {
    const { state } = facts(2, [9_000, 8_000, 10]);
    const gained = [
      { position: 0, value: "user" },
      { position: 2, value: "owner" },
    ];
    const lostLongAgo = [
      { position: 0, value: "user" },
      { position: 1, value: undefined },
    ];
    state.roles.set("org", new Map([[account(0), gained]]));
    state.roles.set("room", new Map([[account(1), lostLongAgo]]));
    expect(revocationsOf(state, nowSeconds)).toEqual({});
  });

  test("a policy that denies an account revokes its devices", () => {
    const { state, users } = facts(2, [100, 20]);
    const denied = { ...openPolicy, deniedAccounts: [account(0)] };
    const policies = new Map([
      ["org", [{ position: 1, value: { statement: "s", policy: denied } }]],
    ]);
    expect(revocationsOf({ ...state, policies: policies as never }, nowSeconds)).toEqual({
      [users[0] ?? ""]: nowSeconds - 20 + REVOCATION_MARGIN_SECONDS,
    });
  });

  test("more than one token holds become everybody, at the newest loss", () => {
    const count = MAX_ACCOUNT_REVOCATIONS + 1;
    const { state } = facts(count, [100, 5]);
    const history = [
      { position: 0, value: "user" },
      { position: 1, value: undefined },
    ];
    const accounts = Array.from(
      { length: count },
      (_, number) => [account(number), history] as const,
    );
    state.roles.set("org", new Map(accounts));
    expect(revocationsOf(state, nowSeconds)).toEqual({
      "*": nowSeconds - 5 + REVOCATION_MARGIN_SECONDS,
    });
  });

  test("the next token of who lost something is issued after the revocation", () => {
    const { state, users } = facts(1, [100, 0]);
    const history = [
      { position: 0, value: "user" },
      { position: 1, value: undefined },
    ];
    state.roles.set("room", new Map([[account(0), history]]));
    const [user] = users;
    using stranger = NkeyPair.generate("user");
    if (user === undefined) throw new Error("one user");
    const issued = issueSecondsFor(state, { user: user as never, nowSeconds });
    expect(issued).toBe(nowSeconds + REVOCATION_MARGIN_SECONDS + 1);
    expect(issueSecondsFor(state, { user: stranger.publicKey, nowSeconds })).toBe(nowSeconds);
  });
});
