import { randomBytes } from "node:crypto";
import { idBytes, publicKeyBytes } from "@cloister/base";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AccountsService } from "../src/index.ts";
import { type ServiceLink, TestBox } from "./fleet.ts";
import { newSigner, OrgForge, serviceKeys } from "./org-forge.ts";

let box: TestBox;
let accounts: AccountsService;
let gateway: ServiceLink;
let relay: ServiceLink;

beforeAll(async () => {
  box = await TestBox.start();
  accounts = await box.startAccounts();
  gateway = await box.link("gateway");
  relay = await box.link("relay");
  const { key, natsSigningKey } = serviceKeys("relay");
  await relay.call("AnnounceRelay", { relayKey: publicKeyBytes(key), natsSigningKey });
});
afterAll(async () => {
  await accounts?.[Symbol.asyncDispose]();
  await box?.[Symbol.asyncDispose]();
});

test("a wrong, an expired and an unreserved code are refused", async () => {
  const wrong = Uint8Array.from(randomBytes(32));
  await expect(gateway.call("ReserveOrg", { claimSecret: wrong })).rejects.toMatchObject({
    code: "ERR_POLICY_CLAIM_UNKNOWN",
    hint: expect.stringContaining("server claim"),
  });
  const expired = await box.claim(-1);
  await expect(gateway.call("ReserveOrg", { claimSecret: expired })).rejects.toMatchObject({
    code: "ERR_POLICY_CLAIM_EXPIRED",
  });
  const claimSecret = await box.claim();
  const genesis = await new OrgForge().genesis(publicKeyBytes(newSigner("log").publicKey));
  await expect(gateway.call("CreateOrg", { claimSecret, genesis })).rejects.toMatchObject({
    code: "ERR_POLICY_CLAIM_UNRESERVED",
  });
});

test("a genesis for another log's key, or signed by nobody, founds nothing and spends nothing", async () => {
  const claimSecret = await box.claim();
  const { logKey } = await gateway.call("ReserveOrg", { claimSecret });
  const foreign = await new OrgForge().genesis(publicKeyBytes(newSigner("log").publicKey));
  await expect(gateway.call("CreateOrg", { claimSecret, genesis: foreign })).rejects.toMatchObject({
    code: "ERR_VERIFICATION_GENESIS",
  });
  const forge = new OrgForge();
  const genesis = await forge.genesis(logKey);
  const forged = Uint8Array.from(genesis);
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  await expect(gateway.call("CreateOrg", { claimSecret, genesis: forged })).rejects.toMatchObject({
    code: "ERR_SIGNATURE_INVALID",
  });
  const created = await gateway.call("CreateOrg", { claimSecret, genesis });
  expect(created.position).toBe(0n);
});

test("a spent code founds no second org, also when several try at once", async () => {
  const claimSecret = await box.claim();
  const { logKey } = await gateway.call("ReserveOrg", { claimSecret });
  const forges = Array.from({ length: 6 }, () => new OrgForge());
  const geneses = await Promise.all(forges.map((forge) => forge.genesis(logKey)));
  const outcomes = await Promise.allSettled(
    geneses.map((genesis) => gateway.call("CreateOrg", { claimSecret, genesis })),
  );
  const founded = outcomes.filter((outcome) => outcome.status === "fulfilled");
  expect(founded).toHaveLength(1);
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") {
      expect(outcome.reason).toMatchObject({ code: "ERR_POLICY_CLAIM_USED" });
    }
  }
  await expect(gateway.call("ReserveOrg", { claimSecret })).rejects.toMatchObject({
    code: "ERR_POLICY_CLAIM_USED",
  });
});

test("only the relays' account announces relays, only the gateways' founds and submits", async () => {
  const { key, natsSigningKey } = serviceKeys("relay");
  const announcement = { relayKey: publicKeyBytes(key), natsSigningKey };
  await expect(gateway.call("AnnounceRelay", announcement)).rejects.toMatchObject({
    code: "ERR_POLICY_CALLER",
  });
  // NATS itself refuses the relay every other method: nobody answers.
  const orgId = idBytes((await foundOrg()).org);
  const statement = Uint8Array.of(1);
  await expect(relay.call("Submit", { orgId, statement })).rejects.toMatchObject({
    code: expect.stringMatching(/^ERR_RPC_(UNAVAILABLE|TIMEOUT)$/),
  });
});

async function foundOrg(): Promise<OrgForge> {
  const claimSecret = await box.claim();
  const { logKey } = await gateway.call("ReserveOrg", { claimSecret });
  const forge = new OrgForge();
  const genesis = await forge.genesis(logKey);
  forge.take((await gateway.call("CreateOrg", { claimSecret, genesis })).logRecord);
  return forge;
}
