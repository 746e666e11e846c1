import { readFile } from "node:fs/promises";
import type { UserNkey } from "@cloister/proto";
import { connectNats, readServiceCredentials, type SealingKey } from "@cloister/server-kit";
import type { NatsConnection } from "@nats-io/nats-core";
import type { GatewayConfig } from "./config.ts";
import { DRAIN_TIMEOUT_MS } from "./limits.ts";

/** The two connections of a gateway; disposing them drains both. */
export interface NatsLinks extends AsyncDisposable {
  /** In the account GATEWAY: buckets, and calls to accounts. */
  readonly gateway: NatsConnection;
  /** Whose calls to accounts the server lets through. */
  readonly gatewayUser: UserNkey;
  /** In the account ACCOUNTS, to read LOG alone. */
  readonly log: NatsConnection;
}

export async function openNatsLinks(
  config: GatewayConfig["nats"],
  box: SealingKey,
): Promise<NatsLinks> {
  const gateway = await openLink(config, { box, user: "gateway", path: config.credentialsFile });
  try {
    const path = config.logCredentialsFile;
    const log = await openLink(config, { box, user: "gateway-log", path });
    return {
      gateway: gateway.connection,
      gatewayUser: gateway.user,
      log: log.connection,
      [Symbol.asyncDispose]: async () => {
        await Promise.all([endLink(gateway.connection), endLink(log.connection)]);
      },
    };
  } catch (error) {
    await gateway.connection.close();
    throw error;
  }
}

/** Drains; a server that is away would be waited for for ever. */
async function endLink(connection: NatsConnection): Promise<void> {
  const limit = AbortSignal.timeout(DRAIN_TIMEOUT_MS);
  const late = new Promise((resolve) => {
    limit.addEventListener("abort", resolve, { once: true });
  });
  await Promise.race([connection.drain().catch(() => undefined), late]);
  await connection.close();
}

async function openLink(
  config: GatewayConfig["nats"],
  file: { readonly box: SealingKey; readonly user: string; readonly path: string },
): Promise<{ readonly connection: NatsConnection; readonly user: UserNkey }> {
  const { user, path } = file;
  const { jwt, pair } = await readServiceCredentials({ key: file.box, path, user });
  const connection = await connectNats({
    servers: config.servers,
    caPem: await readFile(config.caFile, "utf8"),
    signer: pair,
    currentJwt: () => jwt,
    name: user,
  });
  return { connection, user: pair.publicKey };
}
