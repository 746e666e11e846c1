import { fenceSubject, roomSubject } from "@cloister/proto";
import {
  addRevocation,
  connectNats,
  createCertificateAuthority,
  encodeUserJwt,
  NkeyPair,
} from "@cloister/server-kit";
import {
  createOrg,
  forgeJwt,
  publish,
  pushAccount,
  RawNats,
  signUser,
  type TestUser,
  Violations,
} from "@cloister/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lastOf, newRoom, type Stage, setStage } from "./nats-isolation-stage.ts";

/** Attacks with tokens and on the wire: stolen, forged, widened, expired, revoked. */
let stage: Stage;
beforeAll(async () => {
  stage = await setStage();
}, 120_000);
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

const now = () => Math.floor(Date.now() / 1_000);

async function refusesToken(jwt: string, pair: NkeyPair<"user">): Promise<boolean> {
  try {
    const { connection } = await stage.nats.connect({ jwt, pair });
    await connection.close();
    return false;
  } catch (error) {
    expect(error).toMatchObject({ code: "ERR_NATS_AUTH" });
    return true;
  }
}

describe("tokens", () => {
  type Forge = (at: Stage, pair: NkeyPair<"user">) => string;
  const everything = { pub: { allow: [">"] }, sub: { allow: [">"] } };
  const attacks: Record<string, Forge> = {
    "an expired one": ({ alpha }, pair) =>
      forgeJwt(userClaims(alpha.account, pair, { exp: now() - 1 }), alpha.memberKey),
    "one that is not valid yet": ({ alpha }, pair) =>
      forgeJwt(userClaims(alpha.account, pair, { nbf: now() + 600 }), alpha.memberKey),
    "one by another org's signing key": ({ alpha, beta }, pair) =>
      signUser({ account: alpha.account, key: beta.memberKey, user: pair }),
    "one by the relay's key of the store account": ({ alpha }, pair) =>
      signUser({ account: alpha.account, key: alpha.relayKey, user: pair }),
    "one by a key that nobody named": ({ alpha }, pair) =>
      signUser({ account: alpha.account, key: NkeyPair.generate("account"), user: pair }),
    "one that names another account than its key's": ({ alpha, beta }, pair) =>
      signUser({ account: beta.account, key: alpha.memberKey, user: pair }),
    "one for the system account": ({ alpha, nats }, pair) =>
      signUser({ account: nats.fleet.services.system.account, key: alpha.memberKey, user: pair }),
    "one with permissions of its own under a scoped key": ({ alpha }, pair) =>
      forgeJwt(userClaims(alpha.account, pair, { nats: everything }), alpha.memberKey),
    "one with limits of its own under a scoped key": ({ alpha }, pair) =>
      forgeJwt(userClaims(alpha.account, pair, { nats: { subs: -1 } }), alpha.memberKey),
    "a bearer token under a scoped key": ({ alpha }, pair) =>
      forgeJwt(userClaims(alpha.account, pair, { nats: { bearer_token: true } }), alpha.memberKey),
    "a bearer token by the account's own key": ({ alpha }, pair) =>
      forgeJwt(
        { sub: pair.publicKey, exp: now() + 60, nats: { type: "user", bearer_token: true } },
        alpha.account,
      ),
    "one by the operator": ({ nats, alpha }, pair) =>
      forgeJwt(userClaims(alpha.account, pair, {}), nats.fleet.operatorKey),
    "one whose claims were changed": ({ alpha }, pair) => {
      const token = signUser({ account: alpha.account, key: alpha.memberKey, user: pair });
      const [head, body, signature] = token.split(".");
      const claims = Buffer.from(String(body), "base64url").toString().replace("test", "best");
      return `${head}.${Buffer.from(claims).toString("base64url")}.${signature}`;
    },
  };
  for (const [name, forge] of Object.entries(attacks)) {
    test(`[F49] refused: ${name}`, async () => {
      const pair = NkeyPair.generate("user");
      expect(await refusesToken(forge(stage, pair), pair)).toBe(true);
    });
  }

  test("[F49] refused: a stolen token without its key", async () => {
    expect(await refusesToken(stage.alice.jwt, NkeyPair.generate("user"))).toBe(true);
  });

  test("[F49] refused: a user without a scope by the account's own key", async () => {
    const pair = NkeyPair.generate("user");
    const nats = { type: "user", subs: -1, data: -1, payload: -1 };
    const token = forgeJwt({ sub: pair.publicKey, exp: now() + 60, nats }, stage.alpha.account);
    expect(await refusesToken(token, pair)).toBe(true);
  });

  test("[F49] refused: a member's token of an hour ends its connection when it expires", async () => {
    const { nats, alpha, one } = stage;
    const pair = NkeyPair.generate("user");
    const tags = [`room:${one}`];
    const { account, memberKey: key } = alpha;
    const short = await nats.connect({
      pair,
      jwt: signUser({ account, key, user: pair, tags, seconds: 2 }),
    });
    const before = Date.now();
    await short.connection.closed();
    expect(Date.now() - before).toBeLessThan(4_000);
  });
});

describe("tags", () => {
  test("[F49] refused by our encoder: wildcards, dots, templates, capitals, line ends", () => {
    const { alpha } = stage;
    const { publicKey } = NkeyPair.generate("user");
    for (const value of [
      "*",
      ">",
      "a.b",
      "a.>",
      "{{subject()}}",
      "ROOM_A",
      "a b",
      "a\r\nb",
      "",
      "ä",
    ]) {
      const input = {
        user: publicKey,
        account: alpha.account.publicKey,
        name: "x",
        tags: [`room:${value}`],
        issuedAtSeconds: now(),
        expiresAtSeconds: now() + 60,
      };
      expect(() => encodeUserJwt(input, alpha.memberKey)).toThrow("tag");
    }
  });

  async function withTags(
    tags: readonly string[],
  ): Promise<{ user: TestUser; refused: Violations }> {
    const { nats, alpha } = stage;
    const pair = NkeyPair.generate("user");
    const jwt = forgeJwt(userClaims(alpha.account, pair, { nats: { tags } }), alpha.memberKey);
    const user = await nats.connect({ jwt, pair });
    return { user, refused: new Violations(user) };
  }

  test("[F49] refused: no tag is no room, not every room", async () => {
    const { user, refused } = await withTags([]);
    expect(await refused.refusesPublish(roomSubject(stage.one, user.pair.publicKey))).toBe(true);
    expect(await refused.refusesPublish("anything")).toBe(true);
  });

  test("[F49] refused: a tag that is `>`, or ends the token, gives no subject", async () => {
    for (const value of [">", "x y", "", "a..b"]) {
      const { user, refused } = await withTags([`room:${value}`]);
      expect(await refused.refusesPublish(roomSubject(stage.one, user.pair.publicKey))).toBe(true);
    }
  });

  test("[F49] harmless beyond the org: a stolen gateway key gives every room by `*`, under its own name alone", async () => {
    const { one, alice } = stage;
    const { user, refused } = await withTags(["room:*"]);
    const own = roomSubject(one, user.pair.publicKey);
    expect((await publish(user.connection, { subject: own, payload: "x" })).error).toBeUndefined();
    expect(await refused.refusesPublish(fenceSubject(one))).toBe(true);
    expect(await refused.refusesPublish(roomSubject(one, alice.pair.publicKey))).toBe(true);
    expect(await refused.refusesPublish(`ds.v1.${alice.pair.publicKey}.GetRoomKey`)).toBe(true);
    expect(await refused.refusesSubscribe("room.>")).toBe(true);
  });

  test("[F49] refused: a tag with dots reaches neither fence nor another device", async () => {
    const { one, alice } = stage;
    const { refused } = await withTags([
      `room:${one}.fence`,
      `room:${one}.${alice.pair.publicKey}`,
    ]);
    expect(await refused.refusesPublish(fenceSubject(one))).toBe(true);
    expect(await refused.refusesPublish(roomSubject(one, alice.pair.publicKey))).toBe(true);
  });
});

describe("the connect line", () => {
  const roomsToken = (count: number) => {
    const { account, memberKey: key } = stage.alpha;
    const pair = NkeyPair.generate("user");
    const tags = Array.from({ length: count }, () => `room:${newRoom()}`);
    return { pair, jwt: signUser({ account, key, user: pair, tags }) };
  };

  test("[F49] a token of 200 rooms, beyond the usual 4 KB, connects", async () => {
    const { jwt, pair } = roomsToken(200);
    expect(jwt.length).toBeGreaterThan(4_096);
    expect(await refusesToken(jwt, pair)).toBe(false);
  });

  test("[F49] refused: a connect line beyond 16 KB, before anything is verified", async () => {
    await using raw = await RawNats.open(rawOptions());
    const { jwt, pair } = roomsToken(400);
    raw.signIn(jwt, pair);
    expect(await raw.until(/-ERR.*\r\n/)).toContain("maximum control line exceeded");
  });

  test("[F43] refused: TLS 1.2", async () => {
    await expect(RawNats.open({ ...rawOptions(), tlsVersion: "TLSv1.2" })).rejects.toThrow(/./);
  });

  test("[F44] refused by the client: a server of another authority", async () => {
    const { nats } = stage;
    const other = await createCertificateAuthority({ name: "other", nowMs: Date.now() });
    const pair = NkeyPair.generate("user");
    const connection = connectNats({
      servers: [nats.url],
      caPem: other.certPem,
      signer: pair,
      name: "x",
      currentJwt: () => stage.alice.jwt,
      timeoutMs: 2_000,
      maxReconnectAttempts: 0,
    });
    await expect(connection).rejects.toMatchObject({ kind: "Transport" });
  });

  test("[F49] refused: a message beyond 512,000 bytes with its headers", async () => {
    const { alice, one } = stage;
    await using raw = await RawNats.open(rawOptions());
    raw.signIn(alice.jwt, alice.pair);
    await raw.until(/PONG/);
    raw.send(`PUB ${roomSubject(one, alice.pair.publicKey)} 512001\r\n`);
    expect(await raw.until(/-ERR.*\r\n/)).toContain("Maximum Payload");
  });

  test("[F49] refused: sign-in without a token", async () => {
    await using raw = await RawNats.open(rawOptions());
    raw.send('CONNECT {"verbose":false}\r\nPING\r\n');
    expect(await raw.until(/-ERR.*\r\n/)).toContain("Authorization Violation");
  });
});

describe("revocation and removed keys", () => {
  test("[F34] a revoked device is cut within a second, others stay, and only a newer token returns", async () => {
    const { nats, alpha, both } = stage;
    const { account, memberKey: key } = alpha;
    const pair = NkeyPair.generate("user");
    const victim = await nats.member(alpha, [both], pair);
    const witness = await nats.member(alpha, [both]);
    const revocations = addRevocation({}, { user: pair.publicKey, atSeconds: now() });
    const before = Date.now();
    await pushAccount(nats, alpha.template, revocations);
    await victim.connection.closed();
    expect(Date.now() - before).toBeLessThan(1_000);
    expect(await refusesToken(victim.jwt, pair)).toBe(true);
    await witness.connection.flush();
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const fresh = signUser({ account, key, user: pair, tags: [`room:${both}`] });
    expect(await refusesToken(fresh, pair)).toBe(false);
  });

  test("[F34] a removed signing key cuts its users and issues none", async () => {
    const { nats } = stage;
    const { services } = nats.fleet;
    const gamma = createOrg({ name: "gamma", services, diskBytes: 1 << 30 });
    await pushAccount(nats, gamma.storeTemplate);
    await pushAccount(nats, gamma.template);
    const pair = NkeyPair.generate("user");
    const user = await nats.member(gamma, [newRoom()], pair);
    const successor = NkeyPair.generate("account");
    const [scope] = gamma.template.scopes;
    if (scope === undefined) throw new Error("an org has a scope");
    await pushAccount(nats, {
      ...gamma.template,
      scopes: [{ ...scope, key: successor.publicKey }],
    });
    await user.connection.closed();
    expect(await refusesToken(user.jwt, pair)).toBe(true);
    const { account } = gamma;
    expect(await refusesToken(signUser({ account, key: successor, user: pair }), pair)).toBe(false);
  });
});

describe("another org that pretends", () => {
  test("[F49] refused: an account whose import names another org to the Delivery Service", async () => {
    const { nats, alpha, delivery } = stage;
    const { services } = nats.fleet;
    const gamma = createOrg({ name: "gamma", services, diskBytes: 1 << 30 });
    const imports = gamma.template.imports.map((entry) =>
      entry.name === "ds" ? { ...entry, subject: `ds.v1.${alpha.account.publicKey}.*.*` } : entry,
    );
    await pushAccount(nats, gamma.storeTemplate);
    await pushAccount(nats, { ...gamma.template, imports });
    const calls: string[] = [];
    const spy = delivery.connection.subscribe("ds.v1.*.*.*", {
      callback: (_error, message) => void calls.push(message.subject),
    });
    await delivery.connection.flush();
    const guest = await nats.member(gamma, [newRoom()]);
    const call = guest.connection.request(`ds.v1.${guest.pair.publicKey}.GetRoomKey`);
    await expect(call).rejects.toThrow("no responders");
    spy.unsubscribe();
    expect(calls).toEqual([]);
  });

  test("[F49] control: whoever signs accounts reaches every store, its ciphertext and no more", async () => {
    const { nats, alpha, one, alice } = stage;
    const { services } = nats.fleet;
    const gamma = createOrg({ name: "gamma", services, diskBytes: 1 << 30 });
    const imports = gamma.template.imports.map((entry) =>
      entry.account === gamma.store.publicKey
        ? { ...entry, account: alpha.store.publicKey }
        : entry,
    );
    await pushAccount(nats, { ...gamma.template, imports });
    const guest = await nats.member(gamma, [one]);
    const subject = roomSubject(one, alice.pair.publicKey);
    await publish(alice.connection, { subject, payload: "alpha's" });
    expect((await lastOf(guest, subject)).text).toBe("alpha's");
    const refused = new Violations(guest);
    expect(await refused.refusesPublish(subject)).toBe(true);
    expect(await refused.refusesPublish("$JS.API.STREAM.INFO.ROOMS")).toBe(true);
  });
});

function userClaims(
  account: NkeyPair<"account">,
  pair: NkeyPair<"user">,
  extra: { exp?: number; nbf?: number; nats?: object },
) {
  return {
    sub: pair.publicKey,
    exp: now() + 60,
    ...extra,
    nats: { type: "user", issuer_account: account.publicKey, ...extra.nats },
  };
}

function rawOptions() {
  return { port: stage.nats.port, caPem: stage.nats.authority.certPem };
}
