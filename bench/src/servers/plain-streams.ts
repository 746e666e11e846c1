import { type PlainNats, startPlainNats } from "@cloister/testkit";
import { jetstreamManager } from "@nats-io/jetstream";
import { connectPlain, type PlainUser } from "./plain-user.ts";

/** Stream and subject of the plain sides, with what the client's own stream is made with. */
export const plainStream = { name: "PLAIN", subject: "plain" } as const;

/** nats-server for the plain sides, with their stream. */
export interface PlainServer extends AsyncDisposable {
  readonly user: PlainUser;
  readonly nats: PlainNats;
}

/** Without tokens and accounts, otherwise as the box runs it: TLS 1.3, cipher, fsync. */
export async function startPlainServer(): Promise<PlainServer> {
  const nats = await startPlainNats();
  const user = { url: nats.url, caPem: nats.authority.certPem };
  await createPlainStream(user);
  return { user, nats, [Symbol.asyncDispose]: () => nats[Symbol.asyncDispose]() };
}

/** File storage and the server's `sync_interval: always`: an acknowledgement means it is on disk. */
async function createPlainStream(user: PlainUser): Promise<void> {
  const connection = await connectPlain(user);
  const manager = await jetstreamManager(connection);
  await manager.streams.add({
    name: plainStream.name,
    subjects: [`${plainStream.subject}.>`],
    max_bytes: -1,
    // Unsaid, the server allows 1,000.
    max_consumers: 100_000,
    allow_atomic: true,
    allow_direct: true,
  });
  await connection.close();
}
