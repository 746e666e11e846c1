import { idBytes, type RoomId } from "@cloister/base";
import { deliverySubject, encodeRequest, methods, parseReply } from "@cloister/proto";
import { firstDevice } from "@cloister/rules/testing";
import { assert, asyncProperty, constantFrom, oneof, uint8Array } from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DeliveryStage } from "./delivery-stage.ts";
import { TestMember } from "./test-member.ts";

const service = "cloister.relay.v1.DeliveryService";
const names = Object.values(methods).flatMap(({ service: of, name }) =>
  of === service ? [name] : [],
);

describe("hostile input", () => {
  let stage: DeliveryStage;
  let room: RoomId;
  let owner: TestMember;

  beforeAll(async () => {
    const callLimits = { burst: 100_000, perSecond: 100_000, inFlight: 256 };
    stage = await DeliveryStage.start({ callLimits });
    await stage.relay();
    const { log, room: makeRoom } = stage.org();
    room = await makeRoom();
    owner = await TestMember.connect(stage, { device: firstDevice(log.owner), rooms: [room] });
    await owner.create(room);
  }, 600_000);

  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
    stage.requireQuiet();
  });

  async function outcome(method: string, payload: Uint8Array): Promise<unknown> {
    const subject = deliverySubject(owner.device.certificate.nkey, method);
    const reply = await owner.user.connection.request(subject, payload, { timeout: 20_000 });
    try {
      parseReply(reply.data);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  const isTyped = (error: unknown) =>
    error === undefined ||
    (error instanceof Error &&
      "code" in error &&
      String(error.code).startsWith("ERR_") &&
      "kind" in error &&
      error.kind !== "Internal");

  it("answers every malformed request with a typed error, and lives", async () => {
    const bytes = uint8Array({ maxLength: 400 });
    const method = constantFrom(...names);
    await assert(
      asyncProperty(method, bytes, async (name, payload) => {
        expect(isTyped(await outcome(name, payload))).toBe(true);
      }),
      { numRuns: 400 },
    );
  }, 120_000);

  it("answers well-formed requests around malformed records, grants and packages alike", async () => {
    const bytes = oneof(
      uint8Array({ minLength: 1, maxLength: 300 }),
      uint8Array({ minLength: 1000, maxLength: 2048 }),
    );
    await assert(
      asyncProperty(bytes, async (junk) => {
        const requests = [
          ["AppendHandshake", encodeRequest(`${service}/AppendHandshake`, { handshake: junk })],
          ["GetRoomKey", encodeRequest(`${service}/GetRoomKey`, { grant: junk })],
          ["OpenInbox", encodeRequest(`${service}/OpenInbox`, { pass: junk, positions: [] })],
          [
            "PublishKeyPackages",
            encodeRequest(`${service}/PublishKeyPackages`, { keyPackages: [junk] }),
          ],
        ] as const;
        for (const [name, payload] of requests) {
          const error = await outcome(name, payload);
          expect(error).toBeInstanceOf(Error);
          expect(isTyped(error)).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  }, 120_000);

  it("answers a signed handshake whose commit, tree or GroupInfo is junk", async () => {
    const head = owner.head(room);
    const good = { index: head.index + 1, epoch: 0n };
    await assert(
      asyncProperty(uint8Array({ minLength: 1, maxLength: 600 }), async (junk) => {
        const record = await owner.sign(room, { ...good, commit: junk, groupInfo: junk });
        const payload = encodeRequest(`${service}/AppendHandshake`, { handshake: record });
        const error = await outcome("AppendHandshake", payload);
        expect(error).toBeInstanceOf(Error);
        expect(isTyped(error)).toBe(true);
      }),
      { numRuns: 100 },
    );
    const other = await stage.org().room();
    await assert(
      asyncProperty(uint8Array({ minLength: 1, maxLength: 600 }), async (junk) => {
        const fields = { index: 0, epoch: 0n, groupInfo: junk, ratchetTree: junk };
        const handshake = await owner.sign(other, fields);
        const payload = encodeRequest(`${service}/AppendHandshake`, { handshake });
        expect(isTyped(await outcome("AppendHandshake", payload))).toBe(true);
      }),
      { numRuns: 100 },
    );
    await owner.commit(room);
  }, 120_000);

  it("refuses indices and sizes beyond what a count can be", async () => {
    const record = await owner.sign(
      room,
      {
        index: 0,
        epoch: 0n,
        groupInfo: new Uint8Array(8),
        ratchetTree: new Uint8Array(8),
      },
      { record: { index: 2n ** 63n } },
    );
    await expect(owner.call("AppendHandshake", { handshake: record })).rejects.toMatchObject({
      kind: "Codec",
    });
    const request = { roomId: idBytes(room), fromIndex: 2n ** 64n - 1n };
    await expect(owner.call("GetHandshakes", request)).rejects.toMatchObject({ kind: "Codec" });
  });

  it("knows no other method", async () => {
    for (const name of ["Nope", "constructor", "__proto__"]) {
      expect(await outcome(name, new Uint8Array())).toMatchObject({ code: "ERR_RPC_METHOD" });
    }
  });
});

describe("a device that calls too often", () => {
  it("is told so, and nobody else is", async () => {
    const callLimits = { burst: 5, perSecond: 1, inFlight: 4 };
    await using stage = await DeliveryStage.start({ callLimits });
    await stage.relay();
    const { log } = stage.org();
    const bob = await log.addMember();
    await stage.org().publish();
    using owner = await TestMember.connect(stage, { device: firstDevice(log.owner) });
    using other = await TestMember.connect(stage, { device: firstDevice(bob) });
    const call = (member: TestMember) =>
      member.call("GetLog", { from: 0n, maxRecords: 1 }).then(
        () => "ok",
        (error) => error.code,
      );
    const outcomes: string[] = [];
    for (let count = 0; count < 8; count += 1) outcomes.push(await call(owner));
    expect(outcomes.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => "ok"));
    expect(outcomes.at(-1)).toBe("ERR_RELAY_RATE");
    expect(await call(other)).toBe("ok");
  }, 60_000);
});
