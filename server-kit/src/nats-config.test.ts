import { expect, test } from "vitest";
import { type NatsServerConfig, natsConfigText } from "./nats-config.ts";

const config: NatsServerConfig = {
  serverName: "box",
  listen: { host: "::1", port: 4_222 },
  tls: { certFile: "/c", keyFile: "/k", caFile: "/a" },
  dataDir: "/data",
  maxFileStoreBytes: 1,
  jetStreamKeyVariable: "JS_KEY",
  operatorJwt: "o",
  systemAccount: "A",
  preload: new Map([["B", "b"]]),
};

test("the configuration says what protects: TLS 1.3, fsync, cipher, limits, a key by name only", () => {
  const text = natsConfigText(config);
  for (const line of [
    'listen: "[::1]:4222"',
    'min_version: "1.3"',
    "sync_interval: always",
    "cipher: aes",
    "key: $JS_KEY",
    "max_payload: 512000",
    "max_control_line: 16384",
    "allow_delete: false",
    'B: "b"',
  ]) {
    expect(text).toContain(line);
  }
  for (const word of ["mqtt", "leafnodes", "websocket", "authorization"]) {
    expect(text).not.toContain(word);
  }
});

test("a value cannot end its string and add lines", () => {
  for (const serverName of ['a" }', "a\nport: 1", "a\\", "a\u0000"]) {
    expect(() => natsConfigText({ ...config, serverName })).toThrow("forbidden character");
  }
  expect(() => natsConfigText({ ...config, jetStreamKeyVariable: "x; y" })).toThrow("variable");
});
