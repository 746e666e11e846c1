import type { OrgId } from "@cloister/base";
import {
  connectNats,
  encodeUserJwt,
  filesStream,
  type Nkey,
  NkeyPair,
  type NkeySigner,
  roomsStream,
} from "@cloister/server-kit";
import type { NatsConnection } from "@nats-io/nats-core";
import { JetStreamApi } from "../store/jetstream-api.ts";

const jwtSeconds = 3_600;

export interface OrgStreamSizes {
  readonly roomsBytes: number;
  readonly filesBytes: number;
  readonly maxDevices: number;
  readonly replicas: number;
}

export interface ConnectOrgOptions {
  readonly org: OrgId;
  /** The account of the org's streams. */
  readonly store: Nkey<"account">;
  readonly servers: readonly string[];
  readonly caPem: string;
  /** The relay's signing key, which owners' statements put into that account under its scope. */
  readonly signingKey: NkeySigner<"account">;
  readonly sizes: OrgStreamSizes;
}

/** The relay's place among an org's streams. */
export interface OrgConnection extends AsyncDisposable {
  readonly org: OrgId;
  readonly api: JetStreamApi;
}

/** Connects under a user made for this connection, and brings the org's two streams to their settings. */
export async function connectOrg(options: ConnectOrgOptions): Promise<OrgConnection> {
  const signer = NkeyPair.generate("user");
  const connection = await connectNats({
    servers: options.servers,
    caPem: options.caPem,
    signer,
    currentJwt: () => userJwt(options, signer.publicKey),
    name: "relay",
  });
  try {
    const api = new JetStreamApi(connection);
    await ensureOrgStreams(api, options.sizes);
    return orgConnection(options, { api, connection, signer });
  } catch (error) {
    await connection.close();
    signer[Symbol.dispose]();
    throw error;
  }
}

function orgConnection(
  { org }: ConnectOrgOptions,
  open: {
    readonly api: JetStreamApi;
    readonly connection: NatsConnection;
    readonly signer: Disposable;
  },
): OrgConnection {
  return {
    org,
    api: open.api,
    async [Symbol.asyncDispose]() {
      await open.connection.close();
      open.signer[Symbol.dispose]();
    },
  };
}

async function ensureOrgStreams(api: JetStreamApi, sizes: OrgStreamSizes): Promise<void> {
  const { replicas, maxDevices } = sizes;
  await api.ensureStream(roomsStream({ maxBytes: sizes.roomsBytes, replicas, maxDevices }));
  await api.ensureStream(filesStream({ maxBytes: sizes.filesBytes, replicas }));
}

/** Made anew at each connect: the permissions are those of the scope, the token carries none. */
function userJwt(options: ConnectOrgOptions, user: Nkey<"user">): string {
  const issuedAtSeconds = Math.floor(Date.now() / 1_000);
  return encodeUserJwt(
    {
      user,
      account: options.store,
      name: "relay",
      tags: [],
      issuedAtSeconds,
      expiresAtSeconds: issuedAtSeconds + jwtSeconds,
    },
    options.signingKey,
  );
}
