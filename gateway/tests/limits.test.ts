import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { errorOf, refusal, signedCall, type TestClient } from "./support/http-client.ts";
import { GatewayStack, testRates } from "./support/stack.ts";

let stack: GatewayStack;
beforeAll(async () => {
  stack = await GatewayStack.start();
});
afterAll(() => stack?.[Symbol.asyncDispose]());

async function gatewayWith(rates: Partial<typeof testRates>): Promise<TestClient> {
  const { client } = await stack.another({ rates: { ...testRates, ...rates } });
  return client;
}

describe("too many", () => {
  test("calls from one address: 429 with the time to wait, before a body is read", async () => {
    const client = await gatewayWith({ address: { calls: 3, seconds: 30 } });
    const body = await signedCall("Discover", { orgId: new Uint8Array(0) });
    for (let call = 0; call < 3; call += 1) {
      expect((await client.send("Discover", body)).status).toBe(200);
    }
    const refused = await client.send("Discover", body);
    expect(refused.status).toBe(429);
    expect(errorOf(refused)).toMatchObject({ code: "ERR_LIMIT_RATE", retryable: true });
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
  });

  test("calls of one account, from wherever", async () => {
    const client = await gatewayWith({ caller: { calls: 2, seconds: 30 } });
    const session = await stack.signIn(stack.org.owner);
    const connect = () => client.call("Connect", { roomIds: [] }, stack.sessionCaller(session));
    await connect();
    await connect();
    expect((await refusal(connect())).code).toBe("ERR_LIMIT_RATE");
  });

  test("claims tried from one address", async () => {
    const client = await gatewayWith({ claim: { calls: 2, seconds: 30 } });
    const guess = () =>
      client.call("ReserveOrg", { claimSecret: crypto.getRandomValues(new Uint8Array(32)) });
    expect((await refusal(guess())).code).toBe("ERR_TEST_REFUSED");
    expect((await refusal(guess())).code).toBe("ERR_TEST_REFUSED");
    expect((await refusal(guess())).code).toBe("ERR_LIMIT_RATE");
  });
});

describe("when nats-server is away", () => {
  test("calls are refused as retryable, nothing is decided; afterwards all goes on", async () => {
    const session = await stack.signIn(stack.org.owner);
    await stack.nats.process.kill();
    const work = stack.client.call("Connect", { roomIds: [] }, stack.sessionCaller(session));
    expect(await refusal(work)).toMatchObject({
      kind: "Transport",
      code: "ERR_STATE_UNAVAILABLE",
      retryable: true,
    });
    await stack.nats.process.start();
    await expect
      .poll(
        async () => {
          const again = stack.client.call("Connect", { roomIds: [] }, stack.sessionCaller(session));
          return again.then(
            ({ natsJwt }) => natsJwt !== "",
            () => false,
          );
        },
        { timeout: 20_000, interval: 250 },
      )
      .toBe(true);
  });

  test("a gateway stops within seconds all the same", async () => {
    const { gateway } = await stack.another();
    await stack.nats.process.kill();
    const started = Date.now();
    await gateway[Symbol.asyncDispose]();
    expect(Date.now() - started).toBeLessThan(6_000);
    await stack.nats.process.start();
  });
});
