import {
  type AccountTemplate,
  accountsAccount,
  NATS_MAX_PAYLOAD_BYTES,
  type Nkey,
  type ServiceAccountInput,
  type SigningScope,
} from "@cloister/server-kit";

/**
 * LOG: the stream of the logs, who appends to it, and who follows it. No bucket lies here: a reply
 * subject is covered by no permission, and a consumer may deliver to any subject of its account, so
 * a follower could let the server write its answers over a bucket's values. On `log.<org>` they are
 * records that no log signed, which every reader skips (`isForeignRecord`).
 */
export function logAccount(
  input: ServiceAccountInput & { readonly followerKey: Nkey<"account"> },
): AccountTemplate {
  return {
    ...accountsAccount(input),
    name: "LOG",
    scopes: [writerScope(input.signingKey), followerScope(input.followerKey)],
    exports: [],
  };
}

function writerScope(key: Nkey<"account">): SigningScope {
  return scope({
    key,
    role: "log",
    publish: [
      "log.*",
      "$JS.API.INFO",
      "$JS.API.STREAM.CREATE.LOG",
      "$JS.API.STREAM.UPDATE.LOG",
      "$JS.API.STREAM.INFO.LOG",
      "$JS.API.DIRECT.GET.LOG",
      "$JS.API.DIRECT.GET.LOG.>",
    ],
  });
}

/** Consumers of its own on LOG, and direct gets; nothing that a stream stores. */
function followerScope(key: Nkey<"account">): SigningScope {
  return scope({
    key,
    role: "follower",
    publish: [
      "$JS.API.STREAM.INFO.LOG",
      "$JS.API.CONSUMER.CREATE.LOG.>",
      "$JS.API.CONSUMER.INFO.LOG.*",
      "$JS.API.CONSUMER.DELETE.LOG.*",
      "$JS.API.CONSUMER.MSG.NEXT.LOG.*",
      "$JS.API.DIRECT.GET.LOG",
      "$JS.API.DIRECT.GET.LOG.>",
      "$JS.FC.>",
    ],
  });
}

function scope(input: {
  readonly key: Nkey<"account">;
  readonly role: string;
  readonly publish: readonly string[];
}): SigningScope {
  return {
    key: input.key,
    role: input.role,
    template: {
      pub: { allow: input.publish },
      sub: { allow: ["_INBOX.{{subject()}}.>"] },
      subs: 1_000,
      data: -1,
      payload: NATS_MAX_PAYLOAD_BYTES,
      allowed_connection_types: ["STANDARD"],
    },
  };
}
