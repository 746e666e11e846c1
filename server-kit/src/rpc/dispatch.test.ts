import { defineErrors } from "@cloister/base";
import { encodeRequest, parseMessage, parseReply } from "@cloister/proto";
import { assert, asyncProperty, constantFrom, uint8Array } from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { createDispatcher, type ServiceHandlers } from "./dispatch.ts";

const service = "cloister.accounts.v1.AccountsService";
const testErrors = defineErrors({ ERR_TEST_REFUSED: { kind: "Policy", hint: "ask an owner" } });

type Handlers = ServiceHandlers<typeof service, string>;

function setup(change: Partial<Handlers> = {}, timeoutMs = 1_000) {
  const submit = vi.fn<Handlers["Submit"]>(() =>
    Promise.resolve({
      position: 7n,
      logRecord: Uint8Array.of(1),
      natsAccount: "A",
      natsStoreAccount: "A",
    }),
  );
  const faults: unknown[] = [];
  const handlers: Handlers = {
    Submit: submit,
    CreateOrg: submit as never,
    ReserveOrg: () => Promise.reject(testErrors.ERR_TEST_REFUSED("no")),
    AnnounceRelay: () => Promise.reject(new Error("holds the secret 4711")),
    ...change,
  };
  const onFault = (fault: unknown) => faults.push(fault);
  const dispatch = createDispatcher<typeof service, string>({
    service,
    handlers,
    timeoutMs,
    onFault,
  });
  return { dispatch, submit, faults };
}

const admit = () => "caller";
const payload = encodeRequest(`${service}/Submit`, {
  orgId: new Uint8Array(32),
  statement: Uint8Array.of(1),
});
const claim = encodeRequest(`${service}/ReserveOrg`, { claimSecret: new Uint8Array(32) });

async function failureOf(reply: Uint8Array): Promise<unknown> {
  return await Promise.resolve()
    .then(() => parseReply(reply))
    .then(
      () => undefined,
      (error: unknown) => error,
    );
}

describe("one middleware before every handler", () => {
  test("[F42] hands a valid request to its handler, a broken one to nobody, naming the field", async () => {
    const { dispatch, submit } = setup();
    const { reply } = await dispatch({ method: "Submit", payload, admit });
    const response = parseMessage("cloister.accounts.v1.SubmitResponse", parseReply(reply));
    expect(response.position).toBe(7n);
    expect(submit).toHaveBeenCalledOnce();

    const short = encodeRequest(`${service}/Submit`, {
      orgId: new Uint8Array(31),
      statement: Uint8Array.of(1),
    });
    const refused = await dispatch({ method: "Submit", payload: short, admit });
    expect(await failureOf(refused.reply)).toMatchObject({
      code: "ERR_MESSAGE_INVALID",
      message: expect.stringContaining("org_id"),
    });
    expect(submit).toHaveBeenCalledOnce();
  });

  test("[F41] asks who calls before it looks at the request", async () => {
    const { dispatch, submit } = setup();
    const refusing = vi.fn(() => {
      throw testErrors.ERR_TEST_REFUSED("not you");
    });
    const answer = await dispatch({
      method: "Submit",
      payload: Uint8Array.of(255),
      admit: refusing,
    });
    expect(await failureOf(answer.reply)).toMatchObject({ code: "ERR_TEST_REFUSED" });
    expect(refusing).toHaveBeenCalledWith("ACCESS_SERVICE", `${service}/Submit`);
    expect(submit).not.toHaveBeenCalled();
  });

  test.each(["Nope", "", "__proto__", "constructor", "toString", "submit", "Submit/../Submit"])(
    "refuses the method %j",
    async (method) => {
      const { dispatch, faults } = setup();
      const { error } = await dispatch({ method, payload, admit });
      expect(error?.code).toBe("ERR_RPC_METHOD");
      expect(faults).toEqual([]);
    },
  );

  test("tells a typed error whole, and of a foreign one nothing but that it happened", async () => {
    const { dispatch, faults } = setup();
    const typed = await dispatch({ method: "ReserveOrg", payload: claim, admit });
    expect(typed.error).toMatchObject({ code: "ERR_TEST_REFUSED", hint: "ask an owner" });
    expect(faults).toEqual([]);
    const relay = encodeRequest(`${service}/AnnounceRelay`, {
      relayKey: new Uint8Array(32),
      natsSigningKey: new Uint8Array(32),
    });
    const foreign = await dispatch({ method: "AnnounceRelay", payload: relay, admit });
    expect(Buffer.from(foreign.reply).includes("4711")).toBe(false);
    expect(foreign.error?.code).toBe("ERR_INTERNAL");
    expect(faults).toHaveLength(1);
  });

  test("answers in time even if a handler does not", async () => {
    const { dispatch } = setup({ Submit: () => new Promise<never>(() => undefined) }, 20);
    const { error } = await dispatch({ method: "Submit", payload, admit });
    expect(error).toMatchObject({ code: "ERR_RPC_TIMEOUT", retryable: true });
  });

  test("answers every malformed request with a typed error", async () => {
    const { dispatch, faults } = setup({
      AnnounceRelay: () => Promise.resolve({ orgs: [] }),
    });
    const methods = constantFrom("Submit", "CreateOrg", "ReserveOrg", "AnnounceRelay");
    await assert(
      asyncProperty(methods, uint8Array({ maxLength: 300 }), async (method, bytes) => {
        const { reply, error } = await dispatch({ method, payload: bytes, admit });
        expect(reply.length).toBeGreaterThan(0);
        if (error !== undefined) expect(error.code).toMatch(/^ERR_/);
      }),
      { numRuns: 500 },
    );
    expect(faults).toEqual([]);
  });
});
