import {
  type AccountTemplate,
  accountsAccount,
  NATS_MAX_PAYLOAD_BYTES,
  type Nkey,
  type ServiceAccountInput,
  type SigningScope,
  systemAccount,
} from "@cloister/server-kit";

/** What may be asked of the stream LOG by who only reads it; `*` and `>` as NATS has them. */
const reads = [
  { name: "log-info", subject: "STREAM.INFO.LOG", answers: "Singleton" },
  { name: "log-consumer", subject: "CONSUMER.CREATE.LOG.>", answers: "Singleton" },
  { name: "log-consumer-info", subject: "CONSUMER.INFO.LOG.>", answers: "Singleton" },
  { name: "log-consumer-end", subject: "CONSUMER.DELETE.LOG.>", answers: "Singleton" },
  { name: "log-next", subject: "CONSUMER.MSG.NEXT.LOG.>", answers: "Stream" },
  { name: "log-get", subject: "DIRECT.GET.LOG", answers: "Stream" },
  { name: "log-get-by-subject", subject: "DIRECT.GET.LOG.>", answers: "Stream" },
] as const;

/** Under another name, since an account without JetStream answers `$JS.API` itself, that it has none. */
const localPrefix = "LOGS.API";

/**
 * LOG: the stream of the logs and nothing else; accounts alone signs in. A reply subject is covered
 * by no permission, so whoever could ask anything in here could have bytes of its choice sent to
 * the JetStream API, or into a log (docs/protocol.md, "Why the streams are not in the members'
 * account"). And a consumer may deliver to any subject of its account, so no bucket lies here.
 */
export function logAccount(input: ServiceAccountInput): AccountTemplate {
  return {
    ...accountsAccount(input),
    name: "LOG",
    scopes: [writerScope(input.signingKey)],
    exports: reads.map(({ name, subject, answers }) => ({
      name,
      subject: `$JS.API.${subject}`,
      type: "service",
      response_type: answers,
    })),
  };
}

/** FOLLOWERS: gateways and relays read the logs from here, through imports. It has no JetStream. */
export function followersAccount(input: {
  readonly account: Nkey<"account">;
  readonly signingKey: Nkey<"account">;
  readonly logAccount: Nkey<"account">;
}): AccountTemplate {
  const template = systemAccount(input);
  const mappings = reads.map(
    ({ subject }) => [`$JS.API.${subject}`, `${localPrefix}.${subject}`] as const,
  );
  return {
    ...template,
    name: "FOLLOWERS",
    limits: { ...template.limits, conn: 1_000 },
    scopes: [followerScope(input.signingKey)],
    mappings: Object.fromEntries(mappings),
    imports: reads.map(({ name, subject }) => ({
      name,
      subject: `$JS.API.${subject}`,
      local_subject: `${localPrefix}.${subject}`,
      account: input.logAccount,
      type: "service",
    })),
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

/** The server checks both: what was asked, and what the mapping made of it. */
function followerScope(key: Nkey<"account">): SigningScope {
  const publish = reads.flatMap(({ subject }) => [
    `$JS.API.${subject}`,
    `${localPrefix}.${subject}`,
  ]);
  return scope({ key, role: "follower", publish });
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
