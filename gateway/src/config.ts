import { gatewayErrors } from "./errors.ts";

/** Where a gateway listens, what it connects to, and where its secrets lie. No secret is in it. */
export interface GatewayConfig {
  readonly listen: { readonly host: string; readonly port: number };
  readonly tls: { readonly certificateFile: string; readonly keyFile: string };
  readonly nats: {
    /** Of the servers that this gateway connects to. */
    readonly servers: readonly string[];
    readonly caFile: string;
    /** Sealed credentials of the users `gateway` and `gateway-log`. */
    readonly credentialsFile: string;
    readonly logCredentialsFile: string;
    /** Of each bucket. */
    readonly replicas: number;
  };
  /** Told to clients. */
  readonly publicNatsUrls: readonly string[];
  /** Holds the box's key, and the data key that the fleet's gateways share. */
  readonly stateDir: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the environment, once; every mistake is named by its variable. */
export function parseGatewayConfig(environment: Environment): GatewayConfig {
  const text = (name: string) => requiredText(environment, name);
  return {
    listen: {
      host: environment["CLOISTER_GATEWAY_HOST"] ?? "127.0.0.1",
      port: wholeNumber(environment, "CLOISTER_GATEWAY_PORT", { min: 0, max: 65_535 }),
    },
    tls: {
      certificateFile: text("CLOISTER_GATEWAY_TLS_CERT_FILE"),
      keyFile: text("CLOISTER_GATEWAY_TLS_KEY_FILE"),
    },
    nats: {
      servers: urlList(environment, "CLOISTER_NATS_URLS"),
      caFile: text("CLOISTER_NATS_CA_FILE"),
      credentialsFile: text("CLOISTER_GATEWAY_CREDENTIALS_FILE"),
      logCredentialsFile: text("CLOISTER_GATEWAY_LOG_CREDENTIALS_FILE"),
      replicas:
        environment["CLOISTER_NATS_REPLICAS"] === undefined
          ? 1
          : wholeNumber(environment, "CLOISTER_NATS_REPLICAS", { min: 1, max: 5 }),
    },
    publicNatsUrls: urlList(environment, "CLOISTER_PUBLIC_NATS_URLS"),
    stateDir: text("CLOISTER_STATE_DIR"),
  };
}

function requiredText(environment: Environment, name: string): string {
  const value = environment[name];
  if (value === undefined || value === "") throw wrong(name, "is missing");
  return value;
}

function wholeNumber(
  environment: Environment,
  name: string,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  const text = requiredText(environment, name);
  const value = /^[0-9]{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw wrong(name, `is a whole number, ${min} to ${max}`);
  return value;
}

function urlList(environment: Environment, name: string): string[] {
  const urls = requiredText(environment, name).split(",");
  if (!urls.every((url) => /^(?:tls|wss):\/\/[^\s,]+$/.test(url))) {
    throw wrong(name, "is a list of tls:// or wss:// addresses, separated by commas");
  }
  return urls;
}

function wrong(name: string, what: string): Error {
  return gatewayErrors.ERR_GATEWAY_CONFIG(`${name} ${what}`, { details: { variable: name } });
}
