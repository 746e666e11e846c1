import {
  addMs,
  idBytes,
  newInviteId,
  newProjectId,
  publicKeyBytes,
  type RoomId,
} from "@cloister/base";
import { parseMessage } from "@cloister/proto";
import { appendRecord, bodies, openReplica, orgScope } from "@cloister/rules";
import {
  accountKey,
  firstDevice,
  ownerFact,
  type TestAccount,
  type TestKey,
  testAccount,
  testKey,
} from "@cloister/rules/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Authenticator } from "./support/authenticator.ts";
import { refusal, type TestCaller } from "./support/http-client.ts";
import { GatewayStack, genesisOf } from "./support/stack.ts";

const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };

let stack: GatewayStack;
let alice: TestAccount;
let room: RoomId;

beforeAll(async () => {
  stack = await GatewayStack.start();
  alice = await stack.org.addMember();
  const project = await stack.org.createProject();
  room = await stack.org.createRoom({ project, members: [alice] });
  await stack.sync();
});
afterAll(() => stack?.[Symbol.asyncDispose]());

describe("founding", () => {
  test("the same claim reserves the same keys; another one none", async () => {
    const { claimSecret } = stack.accounts;
    const [first, again] = [
      await stack.client.call("ReserveOrg", { claimSecret }),
      await stack.client.call("ReserveOrg", { claimSecret }),
    ];
    expect(again).toEqual(first);
    const { client } = await stack.another();
    expect(await client.call("ReserveOrg", { claimSecret })).toEqual(first);
    const wrong = stack.client.call("ReserveOrg", { claimSecret: random.bytes(32) });
    expect((await refusal(wrong)).code).toBe("ERR_TEST_REFUSED");
  });

  test("an org is founded by a genesis and by nothing else", async () => {
    const { claimSecret } = stack.accounts;
    const statement = await stack.org.sign(
      bodies.roleSet({ scope: orgScope, account: alice.id, role: "owner" }),
    );
    const work = stack.client.call("CreateOrg", { claimSecret, genesis: statement });
    expect((await refusal(work)).code).toBe("ERR_STATEMENT_KIND");
    const genesis = genesisOf(stack.org);
    const other = stack.client.call("CreateOrg", { claimSecret: random.bytes(32), genesis });
    expect((await refusal(other)).code).toBe("ERR_TEST_REFUSED");
  });
});

interface Invited {
  readonly key: TestKey<"invitation">;
  readonly caller: TestCaller;
  readonly id: ReturnType<typeof newInviteId>;
}

async function invite(): Promise<Invited> {
  const key = testKey("invitation", random);
  const id = newInviteId(random);
  const expiresMs = addMs(stack.clock.now(), 7_200_000);
  const grants = [{ scope: orgScope, role: "user" }] as const;
  await stack.org.submit(
    bodies.inviteIssued({ invite: id, inviteKey: key.publicKey, grants, expiresMs }),
  );
  await stack.sync();
  await stack.signIn(stack.org.owner);
  const caller = { $case: "inviteId" as const, value: idBytes(id) };
  return { key, id, caller: { org: stack.org.id, caller, signer: key } };
}

describe("registration", () => {
  test("an invitee reads the log, checks it, registers, and signs in", async () => {
    const { key, id, caller } = await invite();
    const { records, checkpoint } = await stack.client.call(
      "GetLog",
      { from: 0n, maxRecords: 1_000 },
      caller,
    );
    const [first = new Uint8Array(0), ...rest] = records;
    const replica = rest.reduce(
      (grown, record) => appendRecord(grown, record),
      openReplica({ record: first, org: stack.org.id }),
    );
    expect(replica.size).toBe(stack.org.size);
    expect(replica.checkpoint.signed).toEqual(checkpoint);

    const bob = testAccount(random);
    const body = bodies.inviteAccepted({ invite: id, ...ownerFact(bob) });
    const signers = { device: null, keys: [key, accountKey(bob)] };
    const statement = await stack.org.sign(body, signers);
    const { position, logRecord } = await stack.client.call("Register", { statement }, caller);
    expect(Number(position)).toBe(stack.org.size - 1);
    expect(parseMessage("cloister.statements.v1.LogRecord", logRecord)).toBeDefined();
    const session = await stack.signIn(bob);
    expect(session.token.length).toBeGreaterThan(0);
    // Used: it opens nothing any more, not even the log.
    const log = stack.client.call("GetLog", { from: 0n, maxRecords: 1 }, caller);
    expect((await refusal(log)).code).toBe("ERR_POLICY_INVITE_USED");
  });

  test("an invitation accepts itself and nothing else", async () => {
    const mine = await invite();
    const other = await invite();
    const mallory = testAccount(random);
    const body = bodies.inviteAccepted({ invite: other.id, ...ownerFact(mallory) });
    const signers = { device: null, keys: [other.key, accountKey(mallory)] };
    const statement = await stack.org.sign(body, signers);
    const foreign = stack.client.call("Register", { statement }, mine.caller);
    expect((await refusal(foreign)).code).toBe("ERR_STATEMENT_KIND");
    const role = await stack.org.sign(
      bodies.roleSet({ scope: orgScope, account: alice.id, role: "owner" }),
    );
    const another = stack.client.call("Register", { statement: role }, mine.caller);
    expect((await refusal(another)).code).toBe("ERR_STATEMENT_KIND");
  });

  test("an invitee whose key was swapped on the way is refused", async () => {
    const { id, caller, key } = await invite();
    const thief = testKey("invitation", random);
    const work = stack.client.call(
      "GetLog",
      { from: 0n, maxRecords: 1 },
      { ...caller, signer: thief },
    );
    expect((await refusal(work)).code).toBe("ERR_VERIFICATION_REQUEST_SIGNATURE");
    const mallory = testAccount(random);
    const body = bodies.inviteAccepted({ invite: id, ...ownerFact(mallory) });
    // The thief's signature under the name of the key that the invitation has.
    const forger = { publicKey: key.publicKey, sign: (input: Uint8Array) => thief.sign(input) };
    const statement = await stack.org.sign(body, {
      device: null,
      keys: [forger, accountKey(mallory)],
    });
    const taken = stack.client.call("Register", { statement }, caller);
    expect((await refusal(taken)).code).toBe("ERR_VERIFICATION_STATEMENT_SIGNATURE");
  });
});

describe("GetLog", () => {
  test("reads from a position, and ends where the log does", async () => {
    const caller = stack.deviceCaller(firstDevice(alice));
    const read = async (from: bigint, maxRecords: number) =>
      (await stack.client.call("GetLog", { from, maxRecords }, caller)).records;
    const size = stack.org.size;
    expect(await read(1n, 2)).toEqual(stack.org.records.slice(1, 3));
    expect(await read(BigInt(size - 1), 10)).toEqual(stack.org.records.slice(size - 1));
    expect(await read(BigInt(size), 10)).toEqual([]);
    expect(await read(2n ** 64n - 1n, 10)).toEqual([]);
  });
});

describe("[F27] while accounts is down", () => {
  afterEach(() => stack.accounts.resume());

  test("sign-in, factors, decisions and NATS tokens go on; statements and registration wait", async () => {
    const invited = await invite();
    await stack.accounts.stop();
    const session = await stack.signIn(alice);
    const strong = await new Authenticator(stack).enrolAndPresent(session);
    const caller = stack.sessionCaller(strong);
    const { natsJwt } = await stack.client.call("Connect", { roomIds: [idBytes(room)] }, caller);
    const leafKey = publicKeyBytes(firstDevice(alice).leaf.publicKey);
    await stack.client.call("GrantJoin", { roomId: idBytes(room), leafKey, epoch: 0n }, caller);
    expect(natsJwt.split(".")).toHaveLength(3);

    const device = firstDevice(stack.org.owner);
    const statement = await stack.org.sign(
      bodies.projectCreated({ project: newProjectId(random), name: "p" }),
    );
    const bob = testAccount(random);
    const accept = bodies.inviteAccepted({ invite: invited.id, ...ownerFact(bob) });
    const accepted = await stack.org.sign(accept, {
      device: null,
      keys: [invited.key, accountKey(bob)],
    });
    for (const work of [
      () => stack.client.call("SubmitStatement", { statement }, stack.deviceCaller(device)),
      () => stack.client.call("Register", { statement: accepted }, invited.caller),
      () => stack.client.call("ReserveOrg", { claimSecret: stack.accounts.claimSecret }),
    ]) {
      expect(await refusal(work())).toMatchObject({
        kind: "Transport",
        code: "ERR_ACCOUNTS_UNAVAILABLE",
        retryable: true,
        hint: expect.stringContaining("statements and registration wait"),
      });
    }
    stack.accounts.resume();
    await stack.client.call("SubmitStatement", { statement }, stack.deviceCaller(device));
  });

  test("a gateway that starts then serves as before", async () => {
    await stack.accounts.stop();
    const { client } = await stack.another();
    const session = await stack.signIn(alice, client);
    const { natsJwt } = await client.call("Connect", { roomIds: [] }, stack.sessionCaller(session));
    expect(natsJwt).not.toBe("");
  });
});
