import type { RoomId } from "@cloister/base";
import { commonV1 } from "@cloister/proto";
import { firstDevice, type TestAccount } from "@cloister/rules/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  allMethods,
  deviceMethods,
  guardedMethods,
  sessionMethods,
  wellFormedPayload,
} from "./support/calls.ts";
import {
  errorOf,
  type GatewayMethod,
  signedBytes,
  type TestCaller,
} from "./support/http-client.ts";
import { GatewayStack, type Session } from "./support/stack.ts";

let stack: GatewayStack;
let alice: TestAccount;
let room: RoomId;
let session: Session;

beforeAll(async () => {
  stack = await GatewayStack.start();
  alice = await stack.org.addMember();
  const project = await stack.org.createProject();
  room = await stack.org.createRoom({ project, members: [alice] });
  await stack.sync();
  session = await stack.signIn(alice);
});
afterAll(() => stack?.[Symbol.asyncDispose]());

function callerOf(method: GatewayMethod): TestCaller | undefined {
  if ((sessionMethods as readonly string[]).includes(method)) return stack.sessionCaller(session);
  if ((deviceMethods as readonly string[]).includes(method)) {
    return stack.deviceCaller(firstDevice(alice));
  }
  return undefined;
}

/** Sends a payload in a request that is right in all else. */
async function sendPayload(method: GatewayMethod, payload: Uint8Array) {
  return stack.client.send(method, await signedBytes(method, payload, callerOf(method)));
}

const codePattern = /^ERR_[A-Z_]+$/;

describe("[F42] malformed bytes", () => {
  test.each(allMethods)("%s: any body is a typed answer, and the process lives", async (method) => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), async (body) => {
        const answer = await stack.client.send(method, body);
        expect(answer.status).toBeGreaterThanOrEqual(400);
        expect(answer.status).toBeLessThan(500);
        expect(errorOf(answer)?.code).toMatch(codePattern);
      }),
      { numRuns: 25 },
    );
  });

  test.each(allMethods)("%s: any payload in a right request is a typed answer", async (method) => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (payload) => {
        const answer = await sendPayload(method, payload);
        expect([200, 400, 401, 403, 422, 429]).toContain(answer.status);
        if (answer.status !== 200) expect(errorOf(answer)?.code).toMatch(codePattern);
      }),
      { numRuns: 25 },
    );
  });

  test.each(allMethods)(
    "%s: a right call with flipped bits is never served wrongly",
    async (method) => {
      const right = await signedBytes(
        method,
        wellFormedPayload(method, { account: alice, room }),
        callerOf(method),
      );
      await fc.assert(
        fc.asyncProperty(fc.nat(right.length * 8 - 1), async (bit) => {
          const flipped = Uint8Array.from(right);
          flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          const answer = await stack.client.send(method, flipped);
          expect(answer.status).toBeLessThan(500);
          if ((guardedMethods as readonly string[]).includes(method)) {
            expect(answer.status).not.toBe(200);
          }
        }),
        { numRuns: 25 },
      );
    },
  );

  test("no fault of ours was behind any answer", () => {
    expect(stack.faults.map(({ error }) => String(error))).toEqual([]);
  });
});

describe("[F42] a field that breaks its rule is named", () => {
  test.each<[GatewayMethod, Uint8Array, string]>([
    ["Discover", Uint8Array.of(0x0a, 33, ...new Uint8Array(33)), "org_id"],
    ["ReserveOrg", Uint8Array.of(0x0a, 1, 1), "claim_secret"],
    ["CreateOrg", Uint8Array.of(0x0a, 32, ...new Uint8Array(32)), "genesis"],
    ["GetLog", Uint8Array.of(0x10, 0), "max_records"],
    ["SubmitStatement", new Uint8Array(0), "statement"],
    ["SignIn", Uint8Array.of(0x0a, 1, 1), "session_key"],
    ["EnrolFactor", Uint8Array.of(0x08, 99), "factor"],
    ["PresentFactor", Uint8Array.of(0x08, 1), "proof"],
    ["Connect", Uint8Array.of(0x0a, 2, 1, 2), "room_ids"],
    ["GrantJoin", Uint8Array.of(0x0a, 1, 1), "room_id"],
    ["Explain", new Uint8Array(0), "account_id"],
  ])("%s", async (method, payload, field) => {
    const answer = await sendPayload(method, payload);
    expect(answer.status).toBe(422);
    expect(errorOf(answer)).toMatchObject({ kind: "Codec", code: "ERR_MESSAGE_INVALID" });
    expect(errorOf(answer)?.message).toContain(field);
  });

  test("of the request around it, too", async () => {
    const request = commonV1.Request.encode({
      method: "x",
      orgId: new Uint8Array(0),
      caller: undefined,
      nonce: new Uint8Array(3),
      timeMs: 0n,
      checkpoint: new Uint8Array(0),
      payload: new Uint8Array(0),
    }).finish();
    const body = commonV1.SignedRequest.encode({ request, signature: new Uint8Array(0) }).finish();
    const answer = await stack.client.send("Connect", body);
    expect(answer.status).toBe(422);
    expect(errorOf(answer)?.message).toMatch(/method.*nonce/s);
  });
});

describe("sizes", () => {
  test.each(allMethods)("%s: a body beyond its limit is refused unread", async (method) => {
    const large = ["CreateOrg", "Register", "SubmitStatement"].includes(method);
    const answer = await stack.client.send(method, new Uint8Array((large ? 80 : 24) * 1024 + 1));
    expect(answer.status).toBe(413);
    expect(errorOf(answer)).toMatchObject({ kind: "Limit", code: "ERR_HTTP_BODY_TOO_LARGE" });
  });

  test("a statement of the largest size is not cut off by the gateway", async () => {
    const payload = Uint8Array.from([0x0a, 0xf0, 0xa2, 0x04, ...new Uint8Array(70_000)]);
    const answer = await sendPayload("SubmitStatement", payload);
    expect(errorOf(answer)?.code).not.toBe("ERR_HTTP_BODY_TOO_LARGE");
    expect(answer.status).toBeLessThan(500);
  });
});
