import { inboxPrefix } from "@cloister/proto";
import { openBox, readServiceCredentials } from "@cloister/server-kit";
import { JwtOracle } from "@cloister/testkit";
import { expect, test } from "vitest";
import { serviceCredentialsPath, serviceUserNames } from "../src/index.ts";
import { createAccountPusher } from "../src/nats/account-pusher.ts";
import { TestBox } from "./fleet.ts";
import { FoundedOrg } from "./founded-org.ts";
import { Person } from "./org-forge.ts";

test("the reference library finds nothing wrong with what accounts issues", async () => {
  await using oracle = await JwtOracle.start();
  await using box = await TestBox.start();
  await using _running = await box.startAccounts();
  const org = await FoundedOrg.found(box, await box.link("gateway"), await box.link("relay"));
  const bob = new Person();
  const invited = org.forge.invite();
  await org.submit(await invited.statement);
  await org.submit(await org.forge.accept(invited, bob));
  await org.submit(await org.forge.role({ account: bob.account, role: undefined }));

  const { connection, pair } = await box.link("accounts-system");
  const pusher = createAccountPusher({
    connection,
    inboxPrefix: inboxPrefix(pair.publicKey),
    timeoutMs: 3_000,
  });
  const held = await pusher.lookUp(org.natsAccount as never);
  const tokens: string[] = [box.facts.operatorJwt, ...box.facts.preload.values()];
  for (const account of [org.natsAccount, org.storeAccount]) {
    tokens.push((await pusher.lookUp(account as never)) ?? "missing");
  }
  using key = await openBox(box.stateDir);
  for (const user of serviceUserNames) {
    const path = serviceCredentialsPath(box.stateDir, user);
    tokens.push((await readServiceCredentials({ key, path, user })).jwt);
  }
  for (const token of tokens) {
    expect(await oracle.inspect(token)).toMatchObject({ issues: [], expired: false });
  }
  const members = await oracle.inspect(held ?? "");
  expect(JSON.stringify(members)).toContain(bob.device.nkey.publicKey);
}, 300_000);
