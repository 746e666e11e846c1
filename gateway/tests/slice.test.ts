import { idBytes, publicKeyFromBytes } from "@cloister/base";
import { bodies } from "@cloister/rules";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { refusal } from "./support/http-client.ts";
import { GatewayStack } from "./support/stack.ts";

let stack: GatewayStack;
beforeAll(async () => {
  stack = await GatewayStack.start();
});
afterAll(() => stack?.[Symbol.asyncDispose]());

describe("a device gets in", () => {
  test("Discover tells what the box is and whether it serves the org", async () => {
    const found = await stack.client.call("Discover", { orgId: idBytes(stack.org.id) });
    expect(found).toMatchObject({ servesOrg: true, natsUrls: [stack.nats.url] });
    expect(Math.abs(Number(found.timeMs) - Date.now())).toBeLessThan(5_000);
    const other = await stack.client.call("Discover", { orgId: new Uint8Array(32) });
    expect(other.servesOrg).toBe(false);
  });

  test("signs in, and is told which factors it has", async () => {
    const session = await stack.signIn(stack.org.owner);
    expect(session.token.length).toBeGreaterThan(100);
  });

  test("a gateway that the owners have revoked serves the org no more, in any way", async () => {
    const { client, org } = stack;
    const session = await stack.signIn(org.owner);
    const { gateway } = await client.call("ReserveOrg", {
      claimSecret: stack.accounts.claimSecret,
    });
    const key = publicKeyFromBytes("gateway", gateway?.signingKey ?? new Uint8Array(0));
    const natsSigningKey = gateway?.natsSigningKey ?? new Uint8Array(0);
    await org.submit(bodies.gatewaySet({ key, natsSigningKey, revoked: true }));
    await stack.sync();
    const connect = client.call("Connect", { roomIds: [] }, stack.sessionCaller(session));
    expect((await refusal(connect)).code).toBe("ERR_VERIFICATION_GATEWAY");
    expect(await refusal(stack.signIn(org.owner))).toMatchObject({
      kind: "Policy",
      code: "ERR_ORG_NOT_SERVED",
      hint: expect.stringContaining("GatewaySet"),
    });
    const found = await client.call("Discover", { orgId: idBytes(org.id) });
    expect(found.servesOrg).toBe(false);
  });
});
