import { connectNats, NkeyPair } from "@cloister/server-kit";
import type { NatsConnection } from "@nats-io/nats-core";

/** What a side's process is told in order to connect. */
export interface PlainUser {
  readonly url: string;
  readonly caPem: string;
  readonly jwt: string;
  /** 32 bytes; of a key that lives as long as the bench. */
  readonly seed: Uint8Array;
}

export async function connectPlain(user: PlainUser): Promise<NatsConnection> {
  return await connectNats({
    servers: [user.url],
    caPem: user.caPem,
    signer: NkeyPair.fromSeedBytes("user", user.seed),
    currentJwt: () => user.jwt,
    name: "plain",
    maxReconnectAttempts: 0,
  });
}
