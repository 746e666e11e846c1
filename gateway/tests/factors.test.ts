import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { statementsV1 } from "@cloister/proto";
import { verifySession } from "@cloister/rules";
import type { TestAccount } from "@cloister/rules/testing";
import { isSystemError } from "@cloister/server-kit";
import { jetstream } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { Secret } from "otpauth";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Authenticator } from "./support/authenticator.ts";
import { refusal } from "./support/http-client.ts";
import { GatewayStack, type Session } from "./support/stack.ts";

let stack: GatewayStack;
let account: TestAccount;
let session: Session;
let phone: Authenticator;

beforeAll(async () => {
  stack = await GatewayStack.start();
});
afterAll(() => stack?.[Symbol.asyncDispose]());

beforeEach(async () => {
  stack.clock.aheadMs = 0;
  account = await stack.org.addMember();
  await stack.sync();
  session = await stack.signIn(account);
  phone = new Authenticator(stack);
});

/** To the next step, so that what was burnt before stands in no test's way. */
function nextStep(): void {
  stack.clock.aheadMs += 30_000;
}

async function enrolledFactors() {
  const device = { ...stack.deviceCaller(session.device), timeMs: stack.clock.now() };
  const sessionKey = crypto.getRandomValues(new Uint8Array(32));
  return (await stack.client.call("SignIn", { sessionKey }, device)).enrolledFactors;
}

describe("adding TOTP", () => {
  test("counts from the first right code on, and not before", async () => {
    expect(await refusal(phone.presentRaw(session, "000000"))).toMatchObject({
      kind: "Policy",
      code: "ERR_FACTOR_NOT_ENROLLED",
      hint: expect.stringContaining("factor add totp"),
    });
    await phone.enrol(session);
    expect(phone.uri).toMatch(/^otpauth:\/\/totp\/Test%20Org:acct_[a-z2-7]{8}\?/);
    expect(await enrolledFactors()).toEqual([]);
    const strong = await phone.present(session, phone.code());
    expect(await enrolledFactors()).toEqual([statementsV1.Factor.FACTOR_TOTP]);
    const view = verifySession(stack.org.state, {
      token: strong.token,
      at: stack.org.size,
      nowMs: stack.clock.now(),
    });
    expect(view.factors.map(({ factor }) => factor)).toEqual(["totp"]);
  });

  test("the new token is the same session: same id, same end, same key", async () => {
    const strong = await phone.enrolAndPresent(session);
    const [before, after] = [session, strong].map(({ token }) =>
      verifySession(stack.org.state, { token, at: stack.org.size, nowMs: stack.clock.now() }),
    );
    expect(after).toMatchObject({
      sessionId: before?.sessionId,
      issuedMs: before?.issuedMs,
      expiresMs: before?.expiresMs,
      sessionKey: before?.sessionKey,
    });
  });

  test("a session without the factor does not replace it; one that has shown it does", async () => {
    const strong = await phone.enrolAndPresent(session);
    const thief = new Authenticator(stack);
    expect(await refusal(thief.enrol(session))).toMatchObject({ code: "ERR_FACTOR_PRESENT_FIRST" });
    const newPhone = new Authenticator(stack);
    await newPhone.enrol(strong);
    // Until the new one is shown, the old one is what counts.
    nextStep();
    await phone.present(session, phone.code());
    await newPhone.present(session, newPhone.code());
    nextStep();
    expect((await refusal(phone.presentRaw(session, phone.code()))).code).toBe("ERR_FACTOR_WRONG");
  });

  test("begun and not shown for a quarter of an hour, it is void", async () => {
    await phone.enrol(session);
    stack.clock.aheadMs += 16 * 60_000;
    const late = await stack.signIn(account);
    expect((await refusal(phone.presentRaw(late, phone.code()))).code).toBe(
      "ERR_FACTOR_NOT_ENROLLED",
    );
  });
});

describe("a code", () => {
  test("wrong: refused, retried freely three times, then longer and longer", async () => {
    await phone.enrolAndPresent(session);
    nextStep();
    const wrong = String((Number(phone.code()) + 1) % 1_000_000).padStart(6, "0");
    for (let failure = 1; failure <= 4; failure += 1) {
      const error = await refusal(phone.presentRaw(session, wrong));
      expect(error).toMatchObject({ kind: "Verification", code: "ERR_FACTOR_WRONG" });
    }
    const wait = await refusal(phone.presentRaw(session, phone.code()));
    expect(wait).toMatchObject({ code: "ERR_FACTOR_WAIT", retryable: true });
    expect(Number(wait.details["waitMs"])).toBeGreaterThan(1_000);
    stack.clock.aheadMs += 2_100;
    await phone.present(session, phone.code());
  });

  test("counts once: not again, not at a second gateway, nor one from before it", async () => {
    const { client } = await stack.another();
    await phone.enrolAndPresent(session);
    nextStep();
    const code = phone.code();
    await phone.present(session, code);
    for (const gateway of [stack.client, client]) {
      expect(await refusal(phone.presentRaw(session, code, gateway))).toMatchObject({
        kind: "Verification",
        code: "ERR_FACTOR_USED",
        hint: expect.stringContaining("next code"),
      });
    }
    expect((await refusal(phone.presentRaw(session, phone.code(-1)))).code).toBe("ERR_FACTOR_USED");
    // The step after still lies in the window, and has not been used.
    await phone.present(session, phone.code(1));
    nextStep();
    expect((await refusal(phone.presentRaw(session, phone.code()))).code).toBe("ERR_FACTOR_USED");
  });

  test("presented at two gateways at once, counts at one", async () => {
    const { client } = await stack.another();
    await phone.enrolAndPresent(session);
    for (let round = 0; round < 5; round += 1) {
      nextStep();
      const code = phone.code();
      const attempts = Array.from({ length: 6 }, (_, index) =>
        phone.presentRaw(session, code, index % 2 === 0 ? stack.client : client).then(
          () => "accepted",
          ({ code: refused }: { code: string }) => refused,
        ),
      );
      const outcomes = await Promise.all(attempts);
      expect(outcomes.filter((outcome) => outcome === "accepted")).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === "ERR_FACTOR_USED")).toHaveLength(5);
    }
  });

  test("guessed at two gateways at once, counts every guess", async () => {
    const { client } = await stack.another();
    await phone.enrolAndPresent(session);
    nextStep();
    const wrong = String((Number(phone.code()) + 1) % 1_000_000).padStart(6, "0");
    const guesses = Array.from({ length: 8 }, (_, index) =>
      phone.presentRaw(session, wrong, index % 2 === 0 ? stack.client : client).then(
        () => "accepted",
        ({ code }: { code: string }) => code,
      ),
    );
    const outcomes = await Promise.all(guesses);
    expect(outcomes).not.toContain("accepted");
    // Four are looked at; the rest find that they have to wait, whichever gateway they ask.
    expect(outcomes.filter((outcome) => outcome === "ERR_FACTOR_WRONG").length).toBeLessThanOrEqual(
      4,
    );
    expect(outcomes).toContain("ERR_FACTOR_WAIT");
  });

  test("of another account is wrong here", async () => {
    await phone.enrolAndPresent(session);
    const other = await stack.org.addMember();
    await stack.sync();
    const otherSession = await stack.signIn(other);
    const otherPhone = new Authenticator(stack);
    await otherPhone.enrol(otherSession);
    nextStep();
    expect((await refusal(otherPhone.presentRaw(otherSession, phone.code()))).code).toBe(
      "ERR_FACTOR_WRONG",
    );
  });
});

test("a stored factor that was moved to another account, or altered, opens nothing", async () => {
  await phone.enrolAndPresent(session);
  const victim = await stack.org.addMember();
  await stack.sync();
  const victimSession = await stack.signIn(victim);
  const { connection } = await stack.nats.service("gateway");
  const bucket = await new Kvm(jetstream(connection)).open("gateway-state");
  const entryOf = (of: TestAccount) => `factor.${stack.org.id}.${of.id}.totp`;
  const mine = await bucket.get(entryOf(account));
  await bucket.put(entryOf(victim), mine?.value ?? new Uint8Array(0));
  nextStep();
  expect(await refusal(phone.presentRaw(victimSession, phone.code()))).toMatchObject({
    kind: "Internal",
    code: "ERR_STATE_MALFORMED",
  });
  const altered = Uint8Array.from(mine?.value ?? []);
  altered[40] = (altered[40] ?? 0) ^ 1;
  await bucket.put(entryOf(account), altered);
  expect((await refusal(phone.presentRaw(session, phone.code()))).code).toBe("ERR_STATE_MALFORMED");
});

/** nats-server renames its drafts while they are looked at; what has gone is read under its new name. */
async function contentsOf(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return Buffer.alloc(0);
    throw error;
  }
}

test("[F95] the gateway's store holds neither a TOTP secret nor a session token in the clear", async () => {
  const strong = await phone.enrolAndPresent(session);
  const secretText = new URL(phone.uri).searchParams.get("secret") ?? "";
  const secret = Buffer.from(Secret.fromBase32(secretText).bytes);
  const needles = [
    secret,
    Buffer.from(secret.toString("hex")),
    Buffer.from(secret.toString("base64").slice(0, 24)),
    Buffer.from(secretText),
    Buffer.from(session.token),
    Buffer.from(strong.token),
    Buffer.from(session.key.seed),
  ];
  // What JetStream stores is sealed by its cipher as well, so the bucket's values are read out too.
  const { connection } = await stack.nats.service("gateway");
  const stored: Buffer[] = [];
  for (const name of ["gateway-state", "gateway-nonces"]) {
    const bucket = await new Kvm(jetstream(connection)).open(name);
    for await (const key of await bucket.keys()) {
      const entry = await bucket.get(key);
      stored.push(Buffer.concat([Buffer.from(key), entry?.value ?? new Uint8Array(0)]));
    }
  }
  expect(stored.some((entry) => entry.includes(`factor.${stack.org.id}.${account.id}.totp`))).toBe(
    true,
  );
  for (const directory of [stack.nats.dataDir, stack.stateDir]) {
    for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) stored.push(await contentsOf(join(entry.parentPath, entry.name)));
    }
  }
  stored.push(await readFile(stack.nats.logFile));
  stored.push(Buffer.from(JSON.stringify(stack.faults)));
  for (const needle of needles) {
    expect(stored.some((bytes) => bytes.includes(needle))).toBe(false);
  }
});
