import { expect, test } from "vitest";
import { parseAccountsConfig } from "./config.ts";

const good = {
  CLOISTER_STATE_DIR: "/var/lib/cloister",
  CLOISTER_NATS_URLS: "tls://a.example:4222, tls://b.example:4222",
  CLOISTER_NATS_CA_FILE: "/etc/cloister/ca.pem",
};

test("reads what a process of accounts needs", () => {
  expect(parseAccountsConfig(good)).toEqual({
    stateDir: "/var/lib/cloister",
    natsUrls: ["tls://a.example:4222", "tls://b.example:4222"],
    caFile: "/etc/cloister/ca.pem",
    replicas: 1,
  });
});

test.each([
  [{ CLOISTER_STATE_DIR: "" }, "CLOISTER_STATE_DIR"],
  [{ CLOISTER_NATS_URLS: "http://a" }, "CLOISTER_NATS_URLS"],
  [{ CLOISTER_NATS_REPLICAS: "2" }, "CLOISTER_NATS_REPLICAS"],
  [{ CLOISTER_NATS_CA_FILE: undefined }, "CLOISTER_NATS_CA_FILE"],
])("names the variable that is wrong: %j", (change, name) => {
  expect(() => parseAccountsConfig({ ...good, ...change })).toThrow(
    expect.objectContaining({ code: "ERR_ACCOUNTS_CONFIG", hint: expect.stringContaining(name) }),
  );
});
