import { idBytes, publicKeyBytes } from "@cloister/base";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AccountsService } from "../src/index.ts";
import { type ServiceLink, TestBox } from "./fleet.ts";
import { OrgForge, serviceKeys } from "./org-forge.ts";

let box: TestBox;
let accounts: AccountsService;
let gateway: ServiceLink;
let relay: ServiceLink;
const relayKeys = serviceKeys("relay");

beforeAll(async () => {
  box = await TestBox.start();
  accounts = await box.startAccounts();
  gateway = await box.link("gateway");
  relay = await box.link("relay");
});
afterAll(async () => {
  await accounts?.[Symbol.asyncDispose]();
  await box?.[Symbol.asyncDispose]();
});

test("an org is founded from a claim code: reserve, genesis, first statement", async () => {
  const claimSecret = await box.claim();
  await expect(gateway.call("ReserveOrg", { claimSecret })).rejects.toMatchObject({
    code: "ERR_CLAIM_RELAY_MISSING",
    retryable: true,
  });
  const { key, natsSigningKey } = relayKeys;
  const announcement = { relayKey: publicKeyBytes(key), natsSigningKey };
  expect((await relay.call("AnnounceRelay", announcement)).orgs).toEqual([]);
  const reserved = await gateway.call("ReserveOrg", { claimSecret });
  expect(await gateway.call("ReserveOrg", { claimSecret })).toEqual(reserved);
  expect(reserved.relayKey).toEqual(announcement.relayKey);

  const forge = new OrgForge();
  const genesis = await forge.genesis(reserved.logKey);
  const created = await gateway.call("CreateOrg", { claimSecret, genesis });
  forge.take(created.logRecord);
  expect(await gateway.call("CreateOrg", { claimSecret, genesis })).toEqual(created);

  const orgId = idBytes(forge.org);
  const statement = await forge.relay({ key, natsSigningKey, revoked: false });
  const submitted = await gateway.call("Submit", { orgId, statement });
  forge.take(submitted.logRecord);
  expect(submitted.position).toBe(1n);
  expect(submitted.natsAccount).toBe(created.natsAccount);
  expect(await gateway.call("Submit", { orgId, statement })).toEqual(submitted);
  expect((await relay.call("AnnounceRelay", announcement)).orgs).toMatchObject([
    {
      orgId,
      natsAccount: created.natsAccount,
      natsStoreAccount: expect.stringMatching(/^A[A-Z2-7]{55}$/),
    },
  ]);
  expect(created.natsStoreAccount).not.toBe(created.natsAccount);
});
