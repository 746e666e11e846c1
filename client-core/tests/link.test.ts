import {
  type Client,
  type Connection,
  type ConnectionOptions,
  connect,
} from "@cloister/client-core";
import { describe, expect, it } from "vitest";
import { clientErrors } from "../src/errors.ts";
import { texts, until } from "./world/collect.ts";
import { type Player, World } from "./world/world.ts";

/** What stands between the client and its transport, chosen by a test. */
interface Bend {
  connect: (real: () => Promise<Connection>) => Promise<Connection>;
  options: ConnectionOptions | undefined;
}

async function openBent(world: World, player: Player): Promise<{ client: Client; bend: Bend }> {
  const bend: Bend = { connect: (real) => real(), options: undefined };
  const ports = player.ports();
  const transport = {
    connect: (options: ConnectionOptions) => {
      bend.options = options;
      return bend.connect(() => ports.transport.connect(options));
    },
  };
  const client = await connect({ ...ports, transport });
  world.clients.add(client);
  return { client, bend };
}

function bentConnection(real: Connection, bent: Partial<Connection>): Connection {
  return new Proxy(real, {
    get(target, name) {
      const value: unknown = Reflect.get(bent, name) ?? Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

const never = <T>(): Promise<T> => new Promise(() => undefined);

describe("the way to the relay", () => {
  it("[F45] a dial that never answers is given up, said by the state, and made again", async () => {
    await using world = new World();
    const { client, bend } = await openBent(world, await world.found());
    const { room } = await world.room(client);
    const den = await client.room(room);
    let dials = 0;
    bend.connect = (real) => {
      dials += 1;
      return dials === 1 ? never() : real();
    };
    bend.options?.onState({ kind: "closed", reason: "the token counts no more" });
    await until(() => client.state().kind === "connecting", "it dials");
    expect(client.state()).toEqual({ kind: "connecting", waitsFor: "the relay" });
    await until(() => client.state().kind === "online", "it is back");
    expect(dials).toBe(2);
    await (await den.send("back again")).stored;
    expect(await texts(den)).toEqual(["back again"]);
  });

  it("[F45] nobody waits for the leave of a connection that failed", async () => {
    await using world = new World();
    const { client, bend } = await openBent(world, await world.found());
    const { room } = await world.room(client);
    const den = await client.room(room);
    let dials = 0;
    bend.connect = async (real) => {
      dials += 1;
      if (dials > 1) return real();
      const openInbox = () => Promise.reject(clientErrors.ERR_OFFLINE("gone again"));
      return bentConnection(await real(), { openInbox, [Symbol.asyncDispose]: never });
    };
    bend.options?.onState({ kind: "closed", reason: "the token counts no more" });
    await until(() => dials === 2 && client.state().kind === "online", "it is back");
    await (await den.send("back again")).stored;
  });

  it("[F45] a connection that ends for good while it reconnects is not taken for one", async () => {
    await using world = new World();
    const player = await world.found();
    const { client, bend } = await openBent(world, player);
    let isDead = false;
    const dead = (): Promise<never> => Promise.reject(clientErrors.ERR_OFFLINE("it has ended"));
    bend.connect = async (real) => {
      bend.connect = (again) => again();
      const connection = await real();
      return bentConnection(connection, {
        request: (call) => (isDead ? dead() : connection.request(call)),
        reconnect: () => {
          isDead = true;
          bend.options?.onState({ kind: "closed", reason: "the token counts no more" });
          return Promise.resolve();
        },
      });
    };
    await world.room(client);
    const { room } = await world.room(client, "second");
    const second = await client.room(room);
    await until(() => isDead && client.state().kind === "online", "it is online");
    await (await second.send("over a living connection")).stored;
    expect(await texts(second)).toEqual(["over a living connection"]);
  });
});
