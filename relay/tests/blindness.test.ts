import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { idBytes } from "@cloister/base";
import { roomSubject } from "@cloister/proto";
import { firstDevice } from "@cloister/rules/testing";
import { publish, pull } from "@cloister/testkit";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { describe, expect, it } from "vitest";
import { DeliveryStage } from "./delivery-stage.ts";
import { RelayProcess } from "./relay-process.ts";
import { send } from "./room-traffic.ts";
import { TestMember } from "./test-member.ts";

/** Everything of a stream as whoever holds the box can read it: out of the server, decrypted at rest. */
async function contentsOf(connection: NatsConnection, stream: string): Promise<Buffer> {
  const manager = await jetstreamManager(connection, { checkAPI: false });
  const { state } = await manager.streams.info(stream);
  const parts: Uint8Array[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
    const body = JSON.stringify({ seq });
    const message = await connection.request(`$JS.API.DIRECT.GET.${stream}`, body);
    parts.push(Buffer.from(message.headers?.get("Nats-Subject") ?? ""), message.data);
  }
  return Buffer.concat(parts);
}

async function filesUnder(folder: string): Promise<Buffer> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = found.filter((entry) => entry.isFile());
  return Buffer.concat(
    await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name)))),
  );
}

describe("what the relay's holder sees", () => {
  it("[F5] [F52] no marker in streams, disk or logs; a control that was not sealed is found", async () => {
    await using stage = await DeliveryStage.start();
    await using relay = await RelayProcess.create(stage);
    await relay.answerAnnouncements();
    const { log, room: makeRoom } = stage.org();
    const bob = await log.addMember();
    const room = await makeRoom([bob]);
    await relay.start();
    using owner = await TestMember.connect(stage, {
      device: firstDevice(log.owner),
      rooms: [room],
    });
    using joiner = await TestMember.connect(stage, { device: firstDevice(bob), rooms: [room] });
    await owner.create(room);
    await joiner.call("PublishKeyPackages", {
      keyPackages: [joiner.engine.keyPackage().keyPackage],
    });
    await joiner.join(room);
    await owner.catchUp(room);
    const inbox = await owner.call("OpenInbox", { pass: await owner.pass([room]), positions: [] });
    const fence = Number(inbox.fences[0]?.sequence ?? 0n);
    const marker = `marker-${Buffer.from(log.random.bytes(16)).toString("hex")}`;
    const control = `control-${Buffer.from(log.random.bytes(16)).toString("hex")}`;
    for (let count = 0; count < 5; count += 1) await send(owner, room, { text: marker, fence });
    const subject = roomSubject(room, joiner.device.certificate.nkey);
    await publish(joiner.user.connection, { subject, payload: control });

    // The room's stream holds this room alone, so its owner's inbox is the whole of it.
    const rooms = (await pull(owner.user)).map(({ data }) => data);
    expect(rooms).toHaveLength(8);
    const delivery = await stage.nats.service("delivery");
    const streams = Buffer.concat([
      ...rooms,
      ...(await Promise.all(
        ["HANDSHAKES", "KV_relay-state", "KV_key-packages", "KV_key-claims"].map((stream) =>
          contentsOf(delivery.connection, stream),
        ),
      )),
    ]);
    const seen = Buffer.concat([
      streams,
      await filesUnder(relay.stateDir),
      await filesUnder(stage.nats.dataDir),
      await readFile(stage.nats.logFile),
    ]);
    const secrets = [
      Buffer.from(marker),
      Buffer.from(joiner.device.leaf.seed),
      Buffer.from(owner.device.leaf.seed),
      Buffer.from(owner.authenticator(room), "hex"),
    ];
    expect(secrets.map((secret) => seen.includes(secret))).toEqual([false, false, false, false]);
    expect(streams.includes(Buffer.from(control))).toBe(true);
    expect(streams.includes(Buffer.from(idBytes(room)))).toBe(true);
  }, 120_000);
});
