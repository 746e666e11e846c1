import { publicKeyBytes } from "@cloister/base";
import { parseReply } from "@cloister/proto";
import { serviceRequestSubject } from "@cloister/server-kit";
import { assert, asyncProperty, constantFrom, uint8Array } from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AccountsService } from "../src/index.ts";
import { type ServiceLink, TestBox } from "./fleet.ts";
import { FoundedOrg } from "./founded-org.ts";
import { serviceKeys } from "./org-forge.ts";

let box: TestBox;
let accounts: AccountsService;
let gateway: ServiceLink;
let relay: ServiceLink;
const troubles: unknown[] = [];

beforeAll(async () => {
  box = await TestBox.start();
  accounts = await box.startAccounts({}, { onTrouble: (error) => void troubles.push(error) });
  gateway = await box.link("gateway");
  relay = await box.link("relay");
});
afterAll(async () => {
  await accounts?.[Symbol.asyncDispose]();
  await box?.[Symbol.asyncDispose]();
});

async function codeOf(link: ServiceLink, method: string, bytes: Uint8Array): Promise<string> {
  const user = link.pair.publicKey;
  const subject = serviceRequestSubject({ service: "accounts", user, method });
  const { data } = await link.connection.request(subject, bytes, { timeout: 5_000 });
  try {
    parseReply(Uint8Array.from(data));
    return "ok";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : "untyped";
  }
}

test("malformed bytes to every method get a typed error, and the process lives", async () => {
  const org = await FoundedOrg.found(box, gateway, relay);
  const methods = constantFrom("ReserveOrg", "CreateOrg", "Submit", "AnnounceRelay");
  const bytes = uint8Array({ maxLength: 2_000 });
  await assert(
    asyncProperty(methods, bytes, async (method, body) => {
      const link = method === "AnnounceRelay" ? relay : gateway;
      expect(await codeOf(link, method, body)).toMatch(/^ERR_(MESSAGE|POLICY|ORG)/);
    }),
    { numRuns: 400 },
  );
  // A statement that is itself malformed, inside a well-formed request.
  const { orgId } = org;
  await assert(
    asyncProperty(uint8Array({ minLength: 1, maxLength: 600 }), async (statement) => {
      await expect(gateway.call("Submit", { orgId, statement })).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_(MESSAGE|VERIFICATION|POLICY|ID|KEY|ENCODING)/),
      });
    }),
    { numRuns: 200 },
  );
  expect(troubles).toEqual([]);
  await org.submit(await org.forge.project());
});

test("unknown methods and oversize requests are refused by name", async () => {
  expect(await codeOf(gateway, "Nope", new Uint8Array(0))).toBe("ERR_RPC_METHOD");
  expect(await codeOf(gateway, "constructor", new Uint8Array(0))).toBe("ERR_RPC_METHOD");
  const { orgId } = await FoundedOrg.found(box, gateway, relay);
  const statement = new Uint8Array(80_000);
  await expect(gateway.call("Submit", { orgId, statement })).rejects.toMatchObject({
    code: "ERR_MESSAGE_INVALID",
    message: expect.stringContaining("statement"),
  });
});

test("a relay's key of the wrong length is refused, naming the field", async () => {
  const { natsSigningKey, key } = serviceKeys("relay");
  const relayKey = publicKeyBytes(key).subarray(1);
  await expect(relay.call("AnnounceRelay", { relayKey, natsSigningKey })).rejects.toMatchObject({
    code: "ERR_MESSAGE_INVALID",
    message: expect.stringContaining("relay_key"),
  });
});

test("a full log refuses and says so; what is stored stays", async () => {
  await using small = await TestBox.start();
  await using _running = await small.startAccounts({ logBytes: 20_000 });
  const link = await small.link("gateway");
  const org = await FoundedOrg.found(small, link, await small.link("relay"));
  let error: unknown;
  for (let attempt = 0; attempt < 40 && error === undefined; attempt += 1) {
    await org.submit(await org.forge.project()).catch((reason: unknown) => {
      error = reason;
    });
  }
  expect(error).toMatchObject({
    code: "ERR_LOG_FULL",
    kind: "Limit",
    hint: expect.stringContaining("LOG"),
  });
});
