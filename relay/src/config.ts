import { join } from "node:path";
import {
  bytesSetting,
  type Environment,
  listSetting,
  pathSetting,
  readSettings,
  type Setting,
  textSetting,
} from "@cloister/server-kit";
import { relayErrors } from "./errors.ts";
import type { RelayConfig } from "./process/start-relay.ts";

const gibibyte = 1024 ** 3;
const mebibyte = 1024 ** 2;

const replicasSetting: Setting<number> = (text, name) => {
  if (text === "1" || text === "3" || text === "5") return Number(text);
  throw relayErrors.ERR_RELAY_CONFIG(`${name} must be 1, 3 or 5`);
};

const urlSetting: Setting<string> = (text, name) => {
  if (/^tls:\/\/[^\s/]+$/.test(text)) return text;
  throw relayErrors.ERR_RELAY_CONFIG(`${name} must be a list of tls://host:port`);
};

const settings = {
  stateDir: { read: pathSetting },
  natsUrls: { read: listSetting(urlSetting) },
  caFile: { read: pathSetting },
  credentialsFile: { read: textSetting, fallback: "" },
  logCredentialsFile: { read: textSetting, fallback: "" },
  replicas: { read: replicasSetting, fallback: 1 },
  roomsBytes: { read: bytesSetting, fallback: 4 * gibibyte },
  filesBytes: { read: bytesSetting, fallback: 8 * gibibyte },
  handshakesBytes: { read: bytesSetting, fallback: 4 * gibibyte },
  stateBytes: { read: bytesSetting, fallback: gibibyte },
  keyPackagesBytes: { read: bytesSetting, fallback: 256 * mebibyte },
} as const;

const maxDevices = 100_000;

/** Reads `CLOISTER_RELAY_*`, once. No secret comes this way. */
export function parseRelayConfig(environment: Environment): RelayConfig {
  const read = readSettings(settings, { prefix: "CLOISTER_RELAY", environment });
  const { replicas, stateDir } = read;
  if (read.natsUrls.length === 0) {
    throw relayErrors.ERR_RELAY_CONFIG("CLOISTER_RELAY_NATS_URLS names no server");
  }
  return {
    stateDir,
    natsUrls: read.natsUrls,
    caFile: read.caFile,
    credentialsFile: read.credentialsFile || credentialsIn(stateDir, "relay"),
    logCredentialsFile: read.logCredentialsFile || credentialsIn(stateDir, "relay-log"),
    deliverySizes: {
      handshakesBytes: read.handshakesBytes,
      stateBytes: read.stateBytes,
      keyPackagesBytes: read.keyPackagesBytes,
      replicas,
    },
    orgSizes: { roomsBytes: read.roomsBytes, filesBytes: read.filesBytes, maxDevices, replicas },
  };
}

/** Where `accounts init` puts them on a box that runs every role. */
function credentialsIn(stateDir: string, user: string): string {
  return join(stateDir, "accounts", "credentials", `${user}.sealed`);
}
