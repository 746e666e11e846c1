import { serviceCredentialsPath } from "@cloister/accounts/init";
import { natsUrls } from "./init-server.ts";
import type { RoleName } from "./role-children.ts";
import type { ServerHome, ServerSettings } from "./server-home.ts";

type RoleEnvironment = Readonly<Record<string, string>>;

export interface Box {
  readonly home: ServerHome;
  readonly settings: ServerSettings;
}

/** What each role is told. No secret is among it: those lie sealed in the box's folder. */
export function roleEnvironment(role: RoleName, box: Box): RoleEnvironment {
  const common = commonEnvironment(box);
  switch (role) {
    case "accounts":
      return common;
    case "gateway":
      return { ...common, ...gatewayEnvironment(box) };
    case "relay":
      return { ...common, ...relayEnvironment(box) };
    default:
      return role satisfies never;
  }
}

function commonEnvironment({ home, settings }: Box): RoleEnvironment {
  return {
    PATH: "/usr/bin:/bin",
    CLOISTER_STATE_DIR: home.folder,
    CLOISTER_NATS_URLS: localNatsUrl(settings),
    CLOISTER_NATS_CA_FILE: home.caCertFile,
  };
}

function gatewayEnvironment({ home, settings }: Box): RoleEnvironment {
  return {
    CLOISTER_GATEWAY_HOST: settings.listenHost,
    CLOISTER_GATEWAY_PORT: String(settings.gatewayPort),
    CLOISTER_GATEWAY_TLS_CERT_FILE: home.tls.certFile,
    CLOISTER_GATEWAY_TLS_KEY_FILE: home.tls.keyFile,
    CLOISTER_GATEWAY_CREDENTIALS_FILE: serviceCredentialsPath(home.folder, "gateway"),
    CLOISTER_GATEWAY_LOG_CREDENTIALS_FILE: serviceCredentialsPath(home.folder, "gateway-log"),
    CLOISTER_PUBLIC_NATS_URLS: natsUrls(settings).join(","),
  };
}

function relayEnvironment({ home, settings }: Box): RoleEnvironment {
  return {
    CLOISTER_RELAY_STATE_DIR: home.folder,
    CLOISTER_RELAY_NATS_URLS: localNatsUrl(settings),
    CLOISTER_RELAY_CA_FILE: home.caCertFile,
  };
}

/** Services reach their own box's nats-server, whatever clients are told. */
function localNatsUrl({ natsPort }: ServerSettings): string {
  return `tls://127.0.0.1:${natsPort}`;
}
