import { kitErrors } from "./errors.ts";
import { NATS_MAX_CONTROL_LINE_BYTES, NATS_MAX_PAYLOAD_BYTES } from "./limits.ts";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface NatsServerConfig {
  readonly serverName: string;
  readonly listen: ListenAddress;
  readonly websocket?: ListenAddress | undefined;
  /** Monitoring has no authentication: loopback only. */
  readonly monitorPort?: number | undefined;
  readonly tls: { readonly certFile: string; readonly keyFile: string; readonly caFile: string };
  readonly dataDir: string;
  readonly maxFileStoreBytes: number;
  readonly jetStreamKeyVariable: string;
  readonly operatorJwt: string;
  readonly systemAccount: string;
  /** Account tokens that the resolver starts with. */
  readonly preload: ReadonlyMap<string, string>;
  readonly cluster?: NatsClusterConfig | undefined;
}

export interface NatsClusterConfig {
  readonly name: string;
  readonly listen: ListenAddress;
  readonly routes: readonly string[];
}

/**
 * The text of nats-server's configuration. Its file gets mode 0600. No secret is in it: the
 * JetStream key comes from an environment variable of the child process.
 */
export function natsConfigText(config: NatsServerConfig): string {
  return [
    `server_name: ${quote(config.serverName)}`,
    `listen: ${quote(address(config.listen))}`,
    ...(config.monitorPort === undefined
      ? []
      : [`http: ${quote(address({ host: "127.0.0.1", port: config.monitorPort }))}`]),
    ...connectionLimits,
    ...block("tls", tlsLines(config)),
    ...websocketLines(config),
    ...block("jetstream", jetStreamLines(config)),
    ...clusterLines(config),
    `operator: ${quote(config.operatorJwt)}`,
    `system_account: ${quote(config.systemAccount)}`,
    ...resolverLines(config),
    "",
  ].join("\n");
}

const connectionLimits = [
  `max_payload: ${NATS_MAX_PAYLOAD_BYTES}`,
  `max_control_line: ${NATS_MAX_CONTROL_LINE_BYTES}`,
  "max_connections: 20000",
  "max_pending: 16777216",
  'write_deadline: "10s"',
  'ping_interval: "30s"',
  "ping_max: 2",
  "max_traced_msg_len: 64",
];

/** TLS 1.3 only; who connects signs with its nkey, so no client certificate is asked for. */
function tlsLines({ tls }: NatsServerConfig): string[] {
  return [
    `cert_file: ${quote(tls.certFile)}`,
    `key_file: ${quote(tls.keyFile)}`,
    'min_version: "1.3"',
    "timeout: 5",
  ];
}

function websocketLines(config: NatsServerConfig): string[] {
  if (config.websocket === undefined) return [];
  return block("websocket", [
    `listen: ${quote(address(config.websocket))}`,
    // Useless on ciphertext, and it lets a stranger make the server allocate.
    "compression: false",
    'handshake_timeout: "5s"',
    ...block("tls", tlsLines(config)),
  ]);
}

function jetStreamLines(config: NatsServerConfig): string[] {
  return [
    `store_dir: ${quote(`${config.dataDir}/jetstream`)}`,
    "max_memory_store: 0",
    `max_file_store: ${config.maxFileStoreBytes}`,
    "sync_interval: always",
    "cipher: aes",
    `key: $${variableName(config.jetStreamKeyVariable)}`,
  ];
}

function clusterLines(config: NatsServerConfig): string[] {
  const { cluster, tls } = config;
  if (cluster === undefined) return [];
  return block("cluster", [
    `name: ${quote(cluster.name)}`,
    `listen: ${quote(address(cluster.listen))}`,
    `routes: [${cluster.routes.map(quote).join(", ")}]`,
    ...block("tls", [...tlsLines(config), `ca_file: ${quote(tls.caFile)}`, "verify: true"]),
  ]);
}

function resolverLines(config: NatsServerConfig): string[] {
  return [
    ...block("resolver", [
      "type: full",
      `dir: ${quote(`${config.dataDir}/accounts`)}`,
      "allow_delete: false",
      'interval: "2m"',
      'timeout: "2s"',
    ]),
    ...block(
      "resolver_preload",
      [...config.preload].map(([account, jwt]) => `${account}: ${quote(jwt)}`),
    ),
  ];
}

function block(name: string, lines: readonly string[]): string[] {
  return [`${name} {`, ...lines.map((line) => `  ${line}`), "}"];
}

function address(at: ListenAddress): string {
  return at.host.includes(":") ? `[${at.host}]:${at.port}` : `${at.host}:${at.port}`;
}

/** A value must not be able to end its string: quotes, backslashes and controls are refused. */
function quote(value: string): string {
  if (/["\\\u0000-\u001f\u007f]/.test(value)) {
    throw kitErrors.ERR_CONFIG(
      "a value of the nats-server configuration has a forbidden character",
    );
  }
  return `"${value}"`;
}

function variableName(name: string): string {
  if (!/^[A-Z][A-Z0-9_]{0,63}$/.test(name)) {
    throw kitErrors.ERR_CONFIG("not the name of an environment variable");
  }
  return name;
}
