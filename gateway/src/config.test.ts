import { describe, expect, test } from "vitest";
import { parseGatewayConfig } from "./config.ts";

const environment = {
  CLOISTER_GATEWAY_PORT: "8443",
  CLOISTER_GATEWAY_TLS_CERT_FILE: "/tls/cert.pem",
  CLOISTER_GATEWAY_TLS_KEY_FILE: "/tls/key.pem",
  CLOISTER_NATS_URLS: "tls://127.0.0.1:4222,tls://127.0.0.1:4223",
  CLOISTER_NATS_CA_FILE: "/tls/ca.pem",
  CLOISTER_GATEWAY_CREDENTIALS_FILE: "/state/gateway.sealed",
  CLOISTER_GATEWAY_LOG_CREDENTIALS_FILE: "/state/gateway-log.sealed",
  CLOISTER_PUBLIC_NATS_URLS: "tls://box.example:4222,wss://box.example:443",
  CLOISTER_STATE_DIR: "/state",
};

describe("the configuration", () => {
  test("is read from the environment; hosts and replicas have defaults", () => {
    expect(parseGatewayConfig(environment)).toEqual({
      listen: { host: "127.0.0.1", port: 8443 },
      tls: { certificateFile: "/tls/cert.pem", keyFile: "/tls/key.pem" },
      nats: {
        servers: ["tls://127.0.0.1:4222", "tls://127.0.0.1:4223"],
        caFile: "/tls/ca.pem",
        credentialsFile: "/state/gateway.sealed",
        logCredentialsFile: "/state/gateway-log.sealed",
        replicas: 1,
      },
      publicNatsUrls: ["tls://box.example:4222", "wss://box.example:443"],
      stateDir: "/state",
    });
  });

  test.each(Object.keys(environment))("names %s where it is missing", (variable) => {
    expect(() => parseGatewayConfig({ ...environment, [variable]: undefined })).toThrow(
      expect.objectContaining({ code: "ERR_GATEWAY_CONFIG", details: { variable } }),
    );
  });

  test.each([
    ["CLOISTER_GATEWAY_PORT", "70000"],
    ["CLOISTER_GATEWAY_PORT", "-1"],
    ["CLOISTER_GATEWAY_PORT", "80 "],
    ["CLOISTER_NATS_REPLICAS", "0"],
    ["CLOISTER_NATS_URLS", "nats://127.0.0.1:4222"],
    ["CLOISTER_PUBLIC_NATS_URLS", "http://box"],
  ])("refuses %s = %j", (variable, value) => {
    expect(() => parseGatewayConfig({ ...environment, [variable]: value })).toThrow(
      expect.objectContaining({ details: { variable } }),
    );
  });
});
