import { type AccountTemplate, NkeyPair } from "@cloister/server-kit";
import { pushAccount, signUser, type TestNats } from "@cloister/testkit";
import type { PlainUser } from "./plain-user.ts";

/**
 * An account on the server under test for those who use NATS as it comes: every subject, JetStream
 * without limits. Server, TLS, cipher and fsync are the same as for the client's side.
 */
export async function addPlainUser(nats: TestNats): Promise<PlainUser> {
  const [account, key] = [NkeyPair.generate("account"), NkeyPair.generate("account")];
  const user = NkeyPair.generate("user");
  await pushAccount(nats, plainAccount(account.publicKey, key.publicKey));
  return {
    url: nats.url,
    caPem: nats.authority.certPem,
    jwt: signUser({ account, key, user }),
    seed: user.exposeSeed((seed) => Uint8Array.from(seed)),
  };
}

const unlimited: AccountTemplate["limits"] = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: 0,
  exports: 0,
  wildcards: true,
  disallow_bearer: true,
  conn: -1,
  leaf: 0,
  mem_storage: 0,
  disk_storage: -1,
  streams: -1,
  consumer: -1,
  max_ack_pending: 0,
  mem_max_stream_bytes: 0,
  disk_max_stream_bytes: 0,
  max_bytes_required: false,
};

function plainAccount(
  account: AccountTemplate["account"],
  key: AccountTemplate["account"],
): AccountTemplate {
  return {
    account,
    name: "plain",
    limits: unlimited,
    scopes: [
      {
        key,
        role: "plain",
        template: {
          pub: { allow: [">"] },
          sub: { allow: [">"] },
          subs: -1,
          data: -1,
          payload: -1,
          allowed_connection_types: ["STANDARD"],
        },
      },
    ],
    imports: [],
    exports: [],
  };
}
