import { randomBytes } from "node:crypto";
import { newRoomId, type RoomId } from "@cloister/base";
import { lastRoomRecordSubject, NkeyPair } from "@cloister/server-kit";
import {
  createConsumer,
  createOrgStreams,
  startNats,
  type TestNats,
  type TestOrg,
  type TestUser,
  Violations,
} from "@cloister/testkit";

const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };

export interface Player extends TestUser {
  readonly refused: Violations;
}

/** Two orgs. In alpha: Alice in rooms one and both, Mallory in rooms two and both. */
export interface Stage extends AsyncDisposable {
  readonly nats: TestNats;
  readonly alpha: TestOrg;
  readonly beta: TestOrg;
  readonly one: RoomId;
  readonly two: RoomId;
  readonly both: RoomId;
  readonly alice: Player;
  readonly mallory: Player;
  readonly relay: Player;
  readonly delivery: Player;
}

export async function setStage(): Promise<Stage> {
  const nats = await startNats({ orgs: ["alpha", "beta"] });
  const [alpha, beta] = [nats.org("alpha"), nats.org("beta")];
  const [one, two, both] = [newRoom(), newRoom(), newRoom()];
  const relay = player(await nats.relay(alpha));
  await createOrgStreams(relay.connection);
  const betaRelay = await nats.relay(beta);
  await createOrgStreams(betaRelay.connection);
  const alice = player(await nats.member(alpha, [one, both], NkeyPair.generate("user")));
  const mallory = player(await nats.member(alpha, [two, both], NkeyPair.generate("user")));
  const devices = [
    { device: alice.pair.publicKey, rooms: [one, both] },
    { device: mallory.pair.publicKey, rooms: [two, both] },
  ];
  for (const device of devices) await createConsumer(relay.connection, device);
  const delivery = player(await nats.service("delivery"));
  return {
    nats,
    alpha,
    beta,
    one,
    two,
    both,
    alice,
    mallory,
    relay,
    delivery,
    [Symbol.asyncDispose]: () => nats[Symbol.asyncDispose](),
  };
}

export function newRoom(): RoomId {
  return newRoomId(random);
}

export function player(user: TestUser): Player {
  return { ...user, refused: new Violations(user) };
}

/** The newest record on one subject, as this user reads it; sequence NaN if there is none. */
export async function lastOf(
  user: TestUser,
  subject: string,
): Promise<{ readonly seq: number; readonly text: string }> {
  const reply = await user.connection.request(lastRoomRecordSubject(subject));
  return { seq: Number(reply.headers?.get("Nats-Sequence")), text: reply.string() };
}
