import { MAX_MEMBER_SUBSCRIPTIONS, NATS_MAX_PAYLOAD_BYTES } from "./limits.ts";
import type { SigningScope } from "./nats-jwt/claims.ts";
import type { Nkey } from "./nats-jwt/nkey-codec.ts";

type AccountKey = Nkey<"account">;

interface ScopeInput {
  readonly key: AccountKey;
  readonly role: string;
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  readonly subscriptions?: number;
}

const ownInbox = "_INBOX.{{subject()}}.>";

/** Replies to requests that came through an import; the server makes these subjects. */
const importReplies = "_R_.>";

function scope(input: ScopeInput): SigningScope {
  return {
    key: input.key,
    role: input.role,
    template: {
      pub: { allow: input.publish },
      sub: { allow: input.subscribe },
      subs: input.subscriptions ?? -1,
      data: -1,
      payload: NATS_MAX_PAYLOAD_BYTES,
      allowed_connection_types: ["STANDARD", "WEBSOCKET"],
    },
  };
}

/**
 * What a gateway's key can give a member's device in an org: its rooms (tags `room:<id>`), its own
 * subject in each, its own consumer, and the two services. No consumer-create of any form, no
 * stream info, no get by sequence. The v2 form of `$JS.ACK` is left out on purpose: with wildcards
 * for domain and account it also matches the v1 acks of another device's consumer.
 */
export function memberScope(key: AccountKey): SigningScope {
  return scope({
    key,
    role: "member",
    publish: [
      "room.{{tag(room)}}.{{subject()}}",
      "file.{{tag(room)}}.{{subject()}}.*.*",
      "$JS.API.DIRECT.GET.ROOMS.room.{{tag(room)}}.*",
      "$JS.API.DIRECT.GET.FILES.file.{{tag(room)}}.*.*.*",
      "$JS.API.CONSUMER.MSG.NEXT.ROOMS.{{subject()}}",
      "$JS.ACK.ROOMS.{{subject()}}.*.*.*.*.*",
      "ds.v1.{{subject()}}.*",
    ],
    subscribe: [ownInbox],
    subscriptions: MAX_MEMBER_SUBSCRIPTIONS,
  });
}

/** The relay inside an org: fences, the two streams and the devices' consumers. */
export function relayScope(key: AccountKey): SigningScope {
  return scope({
    key,
    role: "relay",
    publish: [
      "room.*.fence",
      ...["ROOMS", "FILES"].flatMap((stream) => [
        `$JS.API.STREAM.CREATE.${stream}`,
        `$JS.API.STREAM.UPDATE.${stream}`,
        `$JS.API.STREAM.INFO.${stream}`,
        `$JS.API.STREAM.PURGE.${stream}`,
        `$JS.API.DIRECT.GET.${stream}.>`,
      ]),
      "$JS.API.CONSUMER.CREATE.ROOMS.>",
      "$JS.API.CONSUMER.INFO.ROOMS.*",
      "$JS.API.CONSUMER.DELETE.ROOMS.*",
      "$JS.API.CONSUMER.NAMES.ROOMS",
      "$JS.API.CONSUMER.LIST.ROOMS",
      "$JS.API.INFO",
    ],
    subscribe: [ownInbox],
  });
}

/** A service in an account that has no clients: its requests, its streams and buckets. */
function serviceScope(input: {
  readonly key: AccountKey;
  readonly role: string;
  readonly serves: readonly string[];
  readonly calls: readonly string[];
  /** Subjects of its own streams. */
  readonly stores: readonly string[];
}): SigningScope {
  return scope({
    key: input.key,
    role: input.role,
    publish: [...input.calls, ...input.stores, "$KV.>", "$JS.API.>", "$JS.ACK.>", importReplies],
    subscribe: [...input.serves.map((name) => `${name}.v1.*.*.*`), ownInbox],
  });
}

/** The Delivery Service in DELIVERY; it tells accounts its keys, and reads the log as members do. */
export function deliveryScope(key: AccountKey): SigningScope {
  const calls = ["accounts.v1.{{subject()}}.AnnounceRelay"];
  return serviceScope({ key, role: "delivery", serves: ["ds"], calls, stores: ["hs.>"] });
}

/** The accounts service in ACCOUNTS. */
export function accountsScope(key: AccountKey): SigningScope {
  const serves = ["accounts"];
  return serviceScope({ key, role: "accounts", serves, calls: [], stores: ["log.*"] });
}

/** A gateway in GATEWAY: its sealed buckets, and calls to the accounts service. */
export function gatewayScope(key: AccountKey): SigningScope {
  const calls = ["accounts.v1.{{subject()}}.*"];
  return serviceScope({ key, role: "gateway", serves: [], calls, stores: [] });
}

/** What the accounts service may ask of the servers: push, look up and list account tokens. */
export function systemScope(key: AccountKey): SigningScope {
  return scope({
    key,
    role: "system",
    publish: [
      "$SYS.REQ.CLAIMS.UPDATE",
      "$SYS.REQ.CLAIMS.LIST",
      "$SYS.REQ.CLAIMS.PACK",
      "$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP",
      "$SYS.REQ.SERVER.PING",
      "$SYS.REQ.SERVER.PING.*",
      "$SYS.REQ.SERVER.*.KICK",
    ],
    subscribe: [ownInbox],
  });
}
