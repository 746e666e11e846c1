import { NATS_MAX_PAYLOAD_BYTES, type Nkey, type SigningScope } from "@cloister/server-kit";

/**
 * Reads the stream LOG in ACCOUNTS and nothing else: consumers of its own on that stream, and
 * direct gets. It publishes to no subject that a stream stores.
 */
export function followerScope(key: Nkey<"account">): SigningScope {
  return {
    key,
    role: "follower",
    template: {
      pub: {
        allow: [
          "$JS.API.STREAM.INFO.LOG",
          "$JS.API.CONSUMER.CREATE.LOG.>",
          "$JS.API.CONSUMER.INFO.LOG.*",
          "$JS.API.CONSUMER.DELETE.LOG.*",
          "$JS.API.CONSUMER.MSG.NEXT.LOG.*",
          "$JS.API.DIRECT.GET.LOG",
          "$JS.API.DIRECT.GET.LOG.>",
          "$JS.FC.>",
        ],
      },
      sub: { allow: ["_INBOX.{{subject()}}.>"] },
      subs: 1_000,
      data: -1,
      payload: NATS_MAX_PAYLOAD_BYTES,
      allowed_connection_types: ["STANDARD"],
    },
  };
}
