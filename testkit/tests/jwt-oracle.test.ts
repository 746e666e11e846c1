import {
  encodeUserJwt,
  NkeyPair,
  parseNatsJwt,
  verifyNatsJwt,
  verifyTrustChain,
} from "@cloister/server-kit";
import {
  createFleet,
  forgeJwt,
  JwtOracle,
  preloadOf,
  signAccount,
  signUser,
} from "@cloister/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/** What we issue, read by NATS's own library; what it issues, read by us. */
let oracle: JwtOracle;
const fleet = createFleet({ orgs: ["alpha"] });
const alpha = fleet.orgs.get("alpha");
if (alpha === undefined) throw new Error("the fleet has no org");
const { account, memberKey: key } = alpha;
const user = NkeyPair.generate("user");
const nowSeconds = Math.floor(Date.now() / 1_000);

beforeAll(async () => {
  oracle = await JwtOracle.start();
}, 300_000);
afterAll(async () => {
  await oracle?.[Symbol.asyncDispose]();
});

describe("what we issue", () => {
  test("[F25] the operator's token validates", async () => {
    const found = await oracle.inspect(fleet.operatorJwt);
    expect(found).toMatchObject({ type: "operator", issues: [], expired: false });
  });

  test("[F25] the tokens of all accounts validate, with limits and scopes as we meant them", async () => {
    for (const token of preloadOf(fleet).values()) {
      expect(await oracle.inspect(token)).toMatchObject({ type: "account", issues: [] });
    }
    const org = await oracle.inspect(signAccount(fleet, alpha.template, { [user.publicKey]: 5 }));
    const nats = org.claims?.["nats"] as Record<string, unknown>;
    expect(nats["limits"]).toMatchObject({ conn: 1_000, subs: -1, disallow_bearer: true });
    expect(nats["revocations"]).toEqual({ [user.publicKey]: 5 });
    const [scope] = nats["signing_keys"] as { template: { resp?: object; pub: object } }[];
    expect(scope?.template).not.toHaveProperty("resp");
    expect(scope?.template.pub).toMatchObject({ allow: expect.any(Array) as unknown });
  });

  test("[F49] a member's token validates, without permissions of its own, its name in UTF-8", async () => {
    const token = encodeUserJwt(
      {
        user: user.publicKey,
        account: account.publicKey,
        name: "Zoë 名 ☂",
        tags: ["room:room_a"],
        issuedAtSeconds: nowSeconds,
        expiresAtSeconds: nowSeconds + 60,
      },
      key,
    );
    const found = await oracle.inspect(token);
    expect(found).toMatchObject({ type: "user", issues: [], expired: false });
    expect(found.claims).toMatchObject({ name: "Zoë 名 ☂", nats: { tags: ["room:room_a"] } });
    expect(found.claims?.["nats"]).toMatchObject({ issuer_account: account.publicKey });
  });

  test("an expired or a changed token is seen as such by both", async () => {
    const expired = forgeJwt({ sub: user.publicKey, exp: 1, nats: { type: "user" } }, key);
    expect((await oracle.inspect(expired)).expired).toBe(true);
    const expectation = { type: "user", issuers: new Set([key.publicKey]), nowSeconds } as const;
    expect(() => verifyNatsJwt(expired, expectation)).toThrow("expired");
    const token = signUser({ account, key, user });
    const [head, body, signature] = token.split(".");
    const claims = Buffer.from(String(body), "base64url")
      .toString()
      .replace("test user", "root user");
    const changed = `${head}.${Buffer.from(claims).toString("base64url")}.${signature}`;
    expect((await oracle.inspect(changed)).error).toContain("signature");
    expect(() => verifyNatsJwt(changed, expectation)).toThrow("signature");
  });
});

describe("what the reference issues", () => {
  test("[F28] its chain verifies with us, down to the role", async () => {
    const { issued } = await oracle.issue();
    if (issued === undefined) throw new Error("the oracle issued nothing");
    const chain = {
      operatorJwt: issued.operator,
      accountJwt: issued.account,
      userJwt: issued.user,
    };
    const options = { operatorRoot: issued.operatorRoot, nowSeconds };
    const verified = verifyTrustChain(chain, options);
    expect(verified.role).toBe("member");
    expect(verified.operator.name).toBe("Österreich ☂");
    expect(verified.user.nats).toMatchObject({ tags: ["room:room_a"] });
    expect(() => verifyTrustChain({ ...chain, userJwt: issued.expired }, options)).toThrow(
      "expired",
    );
    const stranger = { ...options, operatorRoot: fleet.operatorRoot.publicKey };
    expect(() => verifyTrustChain(chain, stranger)).toThrow("issuer");
    const swapped = { ...chain, accountJwt: signAccount(fleet, alpha.template) };
    expect(() => verifyTrustChain(swapped, options)).toThrow("issuer");
  });

  test("every token of it, cut or flipped anywhere, is refused", async () => {
    const { issued } = await oracle.issue();
    const token = String(issued?.user);
    const { iss } = parseNatsJwt(token).claims;
    const expectation = { type: "user", issuers: new Set([iss]), nowSeconds } as const;
    expect(verifyNatsJwt(token, expectation).iss).toBe(iss);
    for (let at = 0; at < token.length; at += 7) {
      const flipped = `${token.slice(0, at)}${token[at] === "A" ? "B" : "A"}${token.slice(at + 1)}`;
      expect(() => verifyNatsJwt(flipped, expectation)).toThrow("token");
      expect(() => verifyNatsJwt(token.slice(0, at), expectation)).toThrow("token");
    }
  });
});
