import type { NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";

/** What a side's process is told in order to connect. */
export interface PlainUser {
  readonly url: string;
  readonly caPem: string;
}

/** As the client connects: TLS 1.3, the server's certificate checked against its own authority. */
export async function connectPlain({ url, caPem }: PlainUser): Promise<NatsConnection> {
  const tls: { ca: string; minVersion: string } = { ca: caPem, minVersion: "TLSv1.3" };
  return await connect({ servers: [url], tls, name: "plain", timeout: 10_000 });
}
