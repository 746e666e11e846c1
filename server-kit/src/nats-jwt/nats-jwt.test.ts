import { createUser, fromPublic, fromSeed } from "@nats-io/nkeys";
import { describe, expect, test } from "vitest";
import { memberScope } from "../account-scopes.ts";
import { storeAccount } from "../account-templates.ts";
import {
  addRevocation,
  allUsers,
  compactRevocations,
  encodeAccountJwt,
  encodeOperatorJwt,
  encodeUserJwt,
  formatNkey,
  isNkey,
  isNkeySignature,
  isRevoked,
  NkeyPair,
  nkeyBytesOf,
  parseNatsJwt,
  parseNkey,
  verifyNatsJwt,
} from "./index.ts";

const operator = NkeyPair.generate("operator");
const account = NkeyPair.generate("account");
const key = NkeyPair.generate("account");
const user = NkeyPair.generate("user");
const issuedAtSeconds = 1_000_000;

describe("nkeys", () => {
  test("are those of the reference, both ways", () => {
    const theirs = createUser();
    const seed = new TextDecoder().decode(theirs.getSeed());
    const ours = NkeyPair.fromSeedText("user", seed);
    expect(ours.publicKey).toBe(theirs.getPublicKey());
    expect(ours.exposeSeedText((text) => text)).toBe(seed);
    const data = new TextEncoder().encode("nonce");
    expect(fromPublic(ours.publicKey).verify(data, ours.sign(data))).toBe(true);
    const signature = theirs.sign(data);
    expect(isNkeySignature({ publicKey: ours.publicKey, data, signature })).toBe(true);
    const back = ours.exposeSeedText((text) => fromSeed(new TextEncoder().encode(text)));
    expect(back.getPublicKey()).toBe(ours.publicKey);
  });

  test("have one role and one spelling", () => {
    const bytes = nkeyBytesOf("user", user.publicKey);
    expect(formatNkey("user", bytes)).toBe(user.publicKey);
    expect(isNkey("account", user.publicKey)).toBe(false);
    for (const text of ["", "U", user.publicKey.toLowerCase(), `${user.publicKey.slice(0, -1)}A`]) {
      expect(() => parseNkey("user", text === user.publicKey ? "" : text)).toThrow("nkey");
    }
  });

  test("never show their seed", () => {
    const seed = user.exposeSeedText((text) => text);
    expect(JSON.stringify({ user })).not.toContain(seed);
  });
});

describe("tokens that may not be issued", () => {
  const template = storeAccount({
    account: account.publicKey,
    name: "store",
    relayKey: key.publicKey,
    storage: { diskBytes: 1, streams: 2, consumers: 3 },
  });
  const scope = memberScope(key.publicKey);
  const encode = (change: object) =>
    encodeAccountJwt({ ...template, revocations: {}, issuedAtSeconds, ...change }, operator);

  test("an account whose scope allows an empty list, which NATS reads as everything", () => {
    for (const allow of [[], [""], ["a..b"], ["a b"], [">.a"]]) {
      for (const side of ["pub", "sub"]) {
        const wide = { ...scope, template: { ...scope.template, [side]: { allow } } };
        expect(() => encode({ scopes: [wide] })).toThrow("allow list");
      }
    }
    const unsaid = { ...scope, template: { ...scope.template, subs: 0 } };
    expect(() => encode({ scopes: [unsaid] })).toThrow("limit");
  });

  test("an operator without a signing key, a token that never was valid, a name that is no text", () => {
    const facts = { name: "x", systemAccount: account.publicKey, issuedAtSeconds };
    expect(() => encodeOperatorJwt({ ...facts, signingKeys: [] }, operator)).toThrow("signing key");
    const member = { user: user.publicKey, account: account.publicKey, name: "x", tags: [] };
    const times = { issuedAtSeconds, expiresAtSeconds: issuedAtSeconds };
    expect(() => encodeUserJwt({ ...member, ...times }, key)).toThrow("expire");
    const later = { issuedAtSeconds, expiresAtSeconds: issuedAtSeconds + 1 };
    for (const name of ["", "\ud800", "x".repeat(300)]) {
      expect(() => encodeUserJwt({ ...member, ...later, name }, key)).toThrow("name");
    }
  });
});

describe("verification", () => {
  const token = encodeUserJwt(
    {
      user: user.publicKey,
      account: account.publicKey,
      name: "Zoë",
      tags: ["room:room_a"],
      issuedAtSeconds,
      expiresAtSeconds: issuedAtSeconds + 60,
    },
    key,
  );
  const issuers = new Set([key.publicKey]);

  test("holds type, issuer and time", () => {
    const good = { type: "user", issuers, nowSeconds: issuedAtSeconds + 59 } as const;
    expect(verifyNatsJwt(token, good).name).toBe("Zoë");
    const refusals = [
      [{ ...good, nowSeconds: issuedAtSeconds + 60 }, "ERR_JWT_EXPIRED"],
      [{ ...good, type: "account" as const }, "ERR_JWT_ISSUER"],
      [{ ...good, issuers: new Set([account.publicKey]) }, "ERR_JWT_ISSUER"],
    ] as const;
    for (const [options, code] of refusals) {
      expect(() => verifyNatsJwt(token, options)).toThrow(expect.objectContaining({ code }));
    }
  });

  test("takes no malformed token, and does not repeat it in the error", () => {
    const [head = "", body = "", signature = ""] = token.split(".");
    const none = Buffer.from('{"typ":"JWT","alg":"none"}').toString("base64url");
    const bad = ["", "a.b", `${token}.x`, `${none}.${body}.`, `${head}.${body}=.${signature}`];
    bad.push(`${head}.${Buffer.from("[]").toString("base64url")}.${signature}`);
    for (const text of bad) {
      expect(() => parseNatsJwt(text)).toThrow(
        expect.objectContaining({ code: "ERR_JWT_MALFORMED" }),
      );
    }
  });
});

describe("revocations", () => {
  const subject = user.publicKey as string;

  test("only move forward and cover what was issued until then", () => {
    const list = addRevocation(addRevocation({}, { user: subject, atSeconds: 10 }), {
      user: subject,
      atSeconds: 5,
    });
    expect(isRevoked(list, { user: subject, iat: 10 })).toBe(true);
    expect(isRevoked(list, { user: subject, iat: 11 })).toBe(false);
    expect(isRevoked({ [allUsers]: 3 }, { user: subject, iat: 3 })).toBe(true);
  });

  test("leave the list when no token of that age can live", () => {
    const list = { a: 100, b: 200, c: 150, [allUsers]: 160 };
    const options = { nowSeconds: 210, maxLifeSeconds: 100 };
    expect(compactRevocations(list, options)).toEqual({ b: 200, [allUsers]: 160 });
    expect(compactRevocations(list, { ...options, nowSeconds: 400 })).toEqual({});
  });
});
