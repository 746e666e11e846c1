import { idBytes } from "@cloister/base";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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

  test("[F29] signs in for exactly 24 h", async () => {
    const session = await stack.signIn(stack.org.owner);
    expect(session.token.length).toBeGreaterThan(100);
  });
});
