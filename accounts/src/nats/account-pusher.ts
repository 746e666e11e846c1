import type { Nkey } from "@cloister/server-kit";
import type { NatsConnection } from "@nats-io/nats-core";
import { accountsErrors } from "../errors.ts";
import { fieldOf, gatherReplies } from "./server-replies.ts";

export interface AccountToken {
  readonly account: Nkey<"account">;
  readonly jwt: string;
}

/** Brings account tokens to the servers. */
export interface AccountPusher {
  /** Resolves when every server of the cluster has taken the token; throws otherwise. */
  push(token: AccountToken): Promise<void>;
  /** The token as one of the servers holds it; undefined where it holds none. */
  lookUp(account: Nkey<"account">): Promise<string | undefined>;
}

export interface PusherOptions {
  /** A user of the system account. */
  readonly connection: NatsConnection;
  readonly inboxPrefix: string;
  readonly timeoutMs: number;
}

/** Pushes by the full resolver's requests, which every server answers for itself. */
export function createAccountPusher(options: PusherOptions): AccountPusher {
  return {
    push: async (token) => {
      const servers = await serversUp(options);
      await confirmedBy(servers, { options, token });
    },
    lookUp: async (account) => {
      const { connection, timeoutMs: timeout } = options;
      const subject = `$SYS.REQ.ACCOUNT.${account}.CLAIMS.LOOKUP`;
      const reply = await connection.request(subject, new Uint8Array(0), { timeout });
      return reply.data.length === 0 ? undefined : reply.string();
    },
  };
}

/** Every server that is up: each answers a ping and says how many it knows of. */
async function serversUp(options: PusherOptions): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  let expected = 1;
  const isComplete = await gatherReplies({
    ...options,
    subject: "$SYS.REQ.SERVER.PING",
    payload: "",
    onReply: (reply) => {
      const id = fieldOf(reply, "server", "id");
      const known = fieldOf(reply, "statsz", "active_servers");
      if (typeof id === "string") found.add(id);
      if (typeof known === "number") expected = Math.max(expected, known);
      return found.size >= expected;
    },
  });
  if (!isComplete) {
    throw accountsErrors.ERR_ACCOUNT_NOT_CONFIRMED("not every server answered a ping", {
      details: { expected, answered: found.size },
    });
  }
  return found;
}

/** Ends when each of `servers` has taken the token, or one has refused it. */
async function confirmedBy(
  servers: ReadonlySet<string>,
  push: { readonly options: PusherOptions; readonly token: AccountToken },
): Promise<void> {
  const missing = new Set(servers);
  let refusal: Error | undefined;
  await gatherReplies({
    ...push.options,
    subject: "$SYS.REQ.CLAIMS.UPDATE",
    payload: push.token.jwt,
    onReply: (reply) => {
      const id = fieldOf(reply, "server", "id");
      if (typeof id === "string" && fieldOf(reply, "data", "code") === 200) missing.delete(id);
      else refusal = refused(reply);
      return refusal !== undefined || missing.size === 0;
    },
  });
  if (refusal !== undefined) throw refusal;
  if (missing.size > 0) throw notConfirmed({ servers: servers.size, missing: missing.size });
}

function refused(reply: unknown): Error {
  const said = fieldOf(reply, "error", "description");
  return accountsErrors.ERR_ACCOUNT_NOT_CONFIRMED("a server refused the account's token", {
    details: { reason: typeof said === "string" ? said.slice(0, 200) : "unreadable answer" },
  });
}

function notConfirmed(found: { readonly servers: number; readonly missing: number }): Error {
  return accountsErrors.ERR_ACCOUNT_NOT_CONFIRMED(
    "not every server confirmed the account's token",
    {
      details: found,
    },
  );
}
