import { parseEpochMs } from "@cloister/base";
import { orgScope, roomScope } from "@cloister/rules";
import { firstDevice, type TestAccount, TestOrg } from "@cloister/rules/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { firstIssueSecond } from "./issue-time.ts";

let org: TestOrg;
let bob: TestAccount;
beforeAll(async () => {
  org = await TestOrg.create();
  bob = await org.addMember();
});

/** Asked right after the newest entry, or so much later. */
const secondFor = (account: TestAccount, laterMs = 0) =>
  firstIssueSecond(org.state, {
    user: firstDevice(account).certificate.nkey,
    nowMs: parseEpochMs(org.nowMs + laterMs),
  });
const lossSecond = () => Math.floor(org.nowMs / 1_000);

describe("when a NATS token may be issued", () => {
  test("at once, where nothing was lost", async () => {
    const project = await org.createProject();
    const room = await org.createRoom({ project, members: [bob] });
    expect(secondFor(bob)).toBe(0);
    await org.setRole(bob, roomScope(room), "owner");
    expect(secondFor(bob)).toBe(0);
  });

  test("after the margin of revocations, where a role was lost; others at once", async () => {
    const project = await org.createProject();
    const room = await org.createRoom({ project, members: [bob] });
    await org.setRole(bob, roomScope(room), undefined);
    expect(secondFor(bob)).toBe(lossSecond() + 3);
    expect(secondFor(org.owner)).toBe(0);
    expect(secondFor(bob, 2_999)).toBe(lossSecond() + 3);
    expect(secondFor(bob, 3_001)).toBe(0);
  });

  test("the same where an account was denied, even if the denial was lifted at once", async () => {
    await org.setPolicy(orgScope, { deniedAccounts: [bob.id] });
    const denied = lossSecond();
    expect(secondFor(bob)).toBe(denied + 3);
    await org.setPolicy(orgScope, {});
    expect(secondFor(bob)).toBe(denied + 3);
    expect(secondFor(org.owner)).toBe(0);
  });
});
