import { CloisterError, SecretBytes } from "@cloister/base";
import { describe, expect, test } from "vitest";
import { createLogger } from "./log.ts";
import { NkeyPair } from "./nats-jwt/nkey-pair.ts";

function logged(write: (log: ReturnType<typeof createLogger>) => void): string {
  let text = "";
  write(createLogger({ component: "test", level: "debug", write: (line) => (text += line) }));
  return text;
}

describe("log lines", () => {
  test("are one JSON object each, with the fields of `with`", () => {
    const lines = logged((log) => {
      log.with({ org: "org_x" }).info("started", { port: 1 });
      log.debug("again");
    }).trimEnd();
    const [first, second] = lines.split("\n").map((line) => JSON.parse(line) as object);
    expect(first).toMatchObject({ level: "info", message: "started", org: "org_x", port: 1 });
    expect(second).toMatchObject({ level: "debug", message: "again" });
  });

  test("[F55] never hold seeds, tokens, keys or bytes, wherever they stand", () => {
    const pair = NkeyPair.generate("user");
    const seed = pair.exposeSeedText((text) => text);
    const jwt = "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJqdGkiOiJ4In0.c2ln";
    const pem = "-----BEGIN PRIVATE KEY-----";
    const text = logged((log) => {
      log.info(`seed ${seed}`, { deep: { jwt, list: [seed, jwt], note: `x ${jwt}` } });
      log.warn("x", { passphrase: "correct horse", pem, bytes: new Uint8Array([222, 173, 190]) });
      log.error("x", {
        secret: SecretBytes.from(new Uint8Array([1, 2, 3])),
        error: new Error(seed),
      });
      log.error("x", { cause: new CloisterError({ kind: "Limit", code: "ERR_X", message: seed }) });
    });
    for (const secret of [seed, jwt, pem, "correct horse", "222"])
      expect(text).not.toContain(secret);
    expect(text).toContain("ERR_X");
  });

  test("keep to one line whatever the message holds", () => {
    expect(logged((log) => log.info('a\n{"level":"error"}')).split("\n")).toHaveLength(2);
  });
});
