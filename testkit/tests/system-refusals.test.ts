import { readFile } from "node:fs/promises";
import { isCloisterError, parseEpochMs, type RoomId } from "@cloister/base";
import { serverHome } from "@cloister/deploy";
import { fenceSubject, roomSubject } from "@cloister/proto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RawNats } from "../src/raw-nats.ts";
import { SystemBox } from "../src/system-box.ts";
import type { PortsBend, SystemDevice } from "../src/system-device.ts";
import { meet, SystemOrg } from "../src/system-org.ts";
import { inTime, shownIn, textsOf, until } from "../src/system-shown.ts";

const TEN_MINUTES_MS = 600_000;

let box: SystemBox;
let org: SystemOrg;
let bob: SystemDevice;
let room: RoomId;

beforeAll(async () => {
  box = await SystemBox.start();
  org = await SystemOrg.found(box);
  room = await org.createRoom("refusals");
  bob = await org.invite("Bob", [room]);
  await meet(room, [org.owner, bob]);
});

afterAll(async () => {
  await org?.[Symbol.asyncDispose]();
  await box?.[Symbol.asyncDispose]();
});

async function timesShown(device: SystemDevice, text: string): Promise<number> {
  return textsOf(await shownIn(device.client, room)).filter((one) => one === text).length;
}

async function shownOnce(device: SystemDevice, text: string): Promise<void> {
  await until(`${device.name} reads "${text}"`, async () => (await timesShown(device, text)) > 0);
  expect(await timesShown(device, text)).toBe(1);
}

/** The next publish is preceded by this, once. */
function beforePublish(act: (batch: { readonly messageId: string }) => Promise<void>): PortsBend {
  let isDone = false;
  return (ports) => ({
    ...ports,
    transport: {
      connect: async (options) => {
        const connection = await ports.transport.connect(options);
        return new Proxy(connection, {
          get: (target, name) => {
            if (name === "publish") {
              return async (batch: Parameters<typeof connection.publish>[0]) => {
                const first = batch.records[0];
                if (!isDone && first !== undefined) {
                  isDone = true;
                  await act(first);
                }
                return await target.publish(batch);
              };
            }
            const value: unknown = Reflect.get(target, name, target);
            return typeof value === "function" ? value.bind(target) : value;
          },
        });
      },
    },
  });
}

const unbent: PortsBend = (ports) => ports;

test.each([
  ["ahead", TEN_MINUTES_MS],
  ["behind", -TEN_MINUTES_MS],
])("a clock ten minutes %s is refused, and said by how much", async (_name, offMs) => {
  await bob.close();
  bob.bend = (ports) => ({
    ...ports,
    clock: {
      now: () => parseEpochMs(ports.clock.now() + offMs),
      wait: (delayMs, signal) => ports.clock.wait(delayMs, signal),
    },
  });
  try {
    const error = await bob.open().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!isCloisterError(error)) throw new Error("it was let in");
    expect(error.code).toBe("ERR_VERIFICATION_CLOCK_SKEW");
    expect(`${error.message} ${error.hint ?? ""} ${JSON.stringify(error.details)}`).toMatch(
      /\b(?:600|599|601|10 min)/,
    );
  } finally {
    bob.bend = unbent;
    await bob.close();
    await bob.open();
  }
});

test("an oversize message is refused before anything is sent, and the limit is named", async () => {
  const opened = await bob.client.room(room);
  const error = await opened.send("x".repeat(400_001)).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isCloisterError(error)) throw new Error("it was taken");
  expect(error).toMatchObject({ kind: "Limit", details: { limitBytes: 400_000 } });
  expect(error.message).toContain("400000");
  expect(opened.status().queuedMessages).toBe(0);
  await (await opened.send("x".repeat(400_000))).stored;
});

test("a stolen message id costs nothing: the owner's message is stored under a new one, and shown once", async () => {
  await bob.close();
  let stolen = "";
  bob.bend = beforePublish(async ({ messageId }) => {
    stolen = messageId;
    const outcome = await org.owner.connection.publish({
      subject: roomSubject(room, org.owner.nkey),
      records: [{ payload: Buffer.from("a thief's"), messageId }],
      fenceSequence: await fenceSequence(),
      fenceSubject: fenceSubject(room),
      timeoutMs: 5_000,
    });
    expect(outcome.kind).toBe("stored");
  });
  await bob.open();
  const sent = await (await bob.client.room(room)).send("mine all the same");
  await inTime("it is stored", sent.stored, { standing: () => bob.standing() });
  expect(stolen).toMatch(/^[0-9a-f]{32}$/);
  await shownOnce(org.owner, "mine all the same");
  await shownOnce(bob, "mine all the same");
  bob.bend = unbent;
});

async function fenceSequence(): Promise<bigint> {
  const answers: bigint[] = [];
  const subject = `$JS.API.DIRECT.GET.ROOMS.${fenceSubject(room)}`;
  const { connection } = org.owner;
  // A publish that expects too little says where the fence stands.
  for (let expected = 0n; answers.length === 0 && expected < 500n; expected += 1n) {
    const outcome = await connection.publish({
      subject: roomSubject(room, org.owner.nkey),
      records: [{ payload: Buffer.from("junk"), messageId: randomId() }],
      fenceSequence: expected,
      fenceSubject: fenceSubject(room),
      timeoutMs: 5_000,
    });
    if (outcome.kind === "stored") answers.push(expected);
  }
  const [found] = answers;
  if (found === undefined) throw new Error(`no fence at ${subject}`);
  return found;
}

function randomId(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex");
}

test("a stale fence under a racing join: the server refuses, the message is sealed anew and shown once, to the newcomer too", async () => {
  const carol = await org.invite("Carol", [room]);
  await bob.close();
  let hasRaced = false;
  bob.bend = beforePublish(async () => {
    await carol.client.room(room);
    hasRaced = true;
  });
  await bob.open();
  const sent = await (await bob.client.room(room)).send("past the fence");
  await inTime("it is stored", sent.stored, { standing: () => bob.standing() });
  expect(hasRaced).toBe(true);
  for (const device of [org.owner, bob, carol]) await shownOnce(device, "past the fence");
  bob.bend = unbent;
  await carol.close();
});

describe("with a member's real token past his client", () => {
  test("an answer of the server reaches neither handshakes nor the fence, and no foreign subject is open", async () => {
    const { settingsFile, caCertFile } = serverHome(box.home);
    const { natsPort } = JSON.parse(await readFile(settingsFile, "utf8")) as { natsPort: number };
    const caPem = await readFile(caCertFile, "utf8");
    await using raw = await RawNats.open({ port: natsPort, caPem });
    const { jwt } = await bob.signIn.credentials();
    const sig = Buffer.from(await bob.signIn.signNonce(Buffer.from(raw.nonce))).toString(
      "base64url",
    );
    const connect = { jwt, sig, nkey: bob.nkey, verbose: false, pedantic: false, protocol: 1 };
    raw.send(`CONNECT ${JSON.stringify(connect)}\r\nPING\r\n`);
    expect(await raw.until(/PONG/)).toContain("PONG");
    const before = (await org.owner.client.room(room)).status();
    const own = roomSubject(room, bob.nkey);
    const replies = [`hs.${room}`, fenceSubject(room), `ds.v1.${bob.nkey}.AppendHandshake`];
    for (const reply of replies) {
      raw.send(`PUB ${own} ${reply} 1\r\nx\r\n`);
      raw.send(`PUB $JS.API.DIRECT.GET.ROOMS.${own} ${reply} 0\r\n\r\n`);
    }
    for (const subject of [`hs.${room}`, fenceSubject(room), roomSubject(room, org.owner.nkey)]) {
      raw.send(`PUB ${subject} 1\r\nx\r\n`);
      const refusal = `Permissions Violation for Publish to "${subject}"`;
      expect(await raw.until(new RegExp(refusal.replaceAll(".", "[.]")))).toContain(refusal);
    }
    await (await (await bob.client.room(room)).send("after the attack")).stored;
    await shownOnce(org.owner, "after the attack");
    const after = (await org.owner.client.room(room)).status();
    expect(after.epoch).toBe(before.epoch);
    expect(after.phase).toEqual({ kind: "active" });
  });

  test("[F21] a removed member's further publishes are refused, and his client says so", async () => {
    const dave = await org.invite("Dave", [room]);
    await meet(room, [org.owner, dave]);
    const { connection, nkey } = dave;
    const subject = roomSubject(room, nkey);
    const publish = () =>
      connection.publish({
        subject,
        records: [{ payload: Buffer.from("still here?"), messageId: randomId() }],
        fenceSequence: 0n,
        fenceSubject: fenceSubject(room),
        timeoutMs: 3_000,
      });
    expect((await publish()).kind).toBe("stale-fence");
    await org.owner.client.org.setRole({
      scope: { kind: "room", room },
      account: dave.client.accountId,
      role: undefined,
    });
    await until("his publishes are refused", async () =>
      ["denied", "disconnected"].includes((await publish()).kind),
    );
    await (await (await org.owner.client.room(room)).send("without Dave")).stored;
    expect(["denied", "disconnected"]).toContain((await publish()).kind);
    await dave.close();
  });

  test("[F34] a revoked device is cut at once and comes in nowhere; the account's other one goes on", async () => {
    const tablet = await org.addDevice(bob, "Bob's tablet");
    await (await (await tablet.client.room(room)).send("from the tablet")).stored;
    await shownOnce(org.owner, "from the tablet");
    await bob.client.org.revokeDevice(tablet.client.deviceId);
    await until("it is cut", () => tablet.client.state().kind !== "online", 10_000);
    await tablet.close();
    await expect(tablet.open()).rejects.toSatisfy(
      (error) => isCloisterError(error) && ["Policy", "Verification"].includes(error.kind),
    );
    await (await (await bob.client.room(room)).send("from Bob himself")).stored;
    await shownOnce(org.owner, "from Bob himself");
  });

  test("a request that was overheard inside TLS is refused when it is sent again", async () => {
    let heard:
      | { readonly path: string; readonly body: Uint8Array; readonly baseUrl: string }
      | undefined;
    await bob.close();
    bob.bend = (ports) => ({
      ...ports,
      http: {
        post: (request) => {
          if (request.path.endsWith("/Connect")) heard = request;
          return ports.http.post(request);
        },
      },
    });
    await bob.open();
    bob.bend = unbent;
    const { http } = await org.owner.ports();
    if (heard === undefined) throw new Error("nothing was heard");
    const { path, body, baseUrl } = heard;
    const { caSha256 } = org.owner.client.deviceLink();
    const answer = await http.post({
      baseUrl,
      path,
      body,
      caSha256,
      timeoutMs: 5_000,
      maxResponseBytes: 64 * 1024,
    });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
  });
});
