import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  bytesSetting,
  choiceSetting,
  flagSetting,
  listSetting,
  pathSetting,
  portSetting,
  readSecret,
  readSettings,
  textSetting,
} from "./config.ts";

const definitions = {
  port: { read: portSetting },
  storePath: { read: pathSetting, fallback: "/var/lib/cloister" },
  maxStore: { read: bytesSetting, fallback: 1 },
  hosts: { read: listSetting(textSetting), fallback: [] },
  level: { read: choiceSetting(["info", "debug"]), fallback: "info" as const },
  trial: { read: flagSetting, fallback: false },
};

const read = (environment: Record<string, string>) =>
  readSettings(definitions, { prefix: "CLOISTER_RELAY", environment });

test("settings are typed, and absent ones have their fallback", () => {
  expect(
    read({
      CLOISTER_RELAY_PORT: "4222",
      CLOISTER_RELAY_MAX_STORE: "20GiB",
      CLOISTER_RELAY_HOSTS: "a.example, b.example",
      PATH: "/bin",
    }),
  ).toEqual({
    port: 4_222,
    storePath: "/var/lib/cloister",
    maxStore: 20 * 1024 ** 3,
    hosts: ["a.example", "b.example"],
    level: "info",
    trial: false,
  });
});

test("all mistakes are told together, by name and without the value", () => {
  const environment = {
    CLOISTER_RELAY_PORT: "hunter2",
    CLOISTER_RELAY_STORE_PATH: "relative",
    CLOISTER_RELAY_PROT: "1",
  };
  const error = (() => {
    try {
      return read(environment);
    } catch (thrown) {
      return thrown as Error;
    }
  })();
  const { message } = error as Error;
  expect(error).toMatchObject({ code: "ERR_CONFIG" });
  expect(message).toContain("CLOISTER_RELAY_PORT");
  expect(message).toContain("CLOISTER_RELAY_STORE_PATH");
  expect(message).toContain("CLOISTER_RELAY_PROT is not a setting");
  expect(message).not.toContain("hunter2");
});

test("a secret comes from a file, without its last line end", async () => {
  const dir = await mkdtemp(join(tmpdir(), "cloister-config-"));
  const file = join(dir, "secret");
  await writeFile(file, "open sesame\n", { mode: 0o600 });
  const environment = { CLOISTER_RELAY_STORE_KEY_SECRET_FILE: file };
  using secret = await readSecret("storeKey", { prefix: "CLOISTER_RELAY", environment });
  expect(secret.expose((bytes) => Buffer.from(bytes).toString())).toBe("open sesame");
  await rm(dir, { recursive: true });
  const source = { prefix: "CLOISTER_RELAY", environment };
  await expect(readSecret("storeKey", source)).rejects.toMatchObject({ code: "ERR_CONFIG" });
  await expect(readSecret("other", source)).rejects.toMatchObject({ code: "ERR_CONFIG" });
});
