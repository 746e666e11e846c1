import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { SecretBytes } from "./secret-bytes.ts";

describe("secret bytes", () => {
  test("never printed: JSON, text, inspect, spread, keys", () => {
    const secret = SecretBytes.from(Uint8Array.of(0xde, 0xad));
    const shown = [
      JSON.stringify({ secret }),
      `${secret}`,
      inspect({ secret }, { depth: 9, showHidden: true }),
      JSON.stringify(Object.entries(secret)),
      Object.keys(secret).join(),
    ].join(" ");
    expect(shown).not.toMatch(/222|173|dead/i);
    expect(shown).toContain("[secret]");
  });

  test("disposal zeroes the owned bytes and refuses later use", () => {
    const owned = Uint8Array.of(1, 2, 3);
    {
      using secret = SecretBytes.from(owned);
      expect(secret.expose((bytes) => bytes.length)).toBe(3);
    }
    expect(owned).toEqual(new Uint8Array(3));
    const secret = SecretBytes.copyOf(owned);
    secret[Symbol.dispose]();
    secret[Symbol.dispose]();
    for (const use of [
      () => secret.expose((bytes) => bytes),
      () => secret.clone(),
      () => secret.lengthBytes,
      () => secret.equals(secret),
    ]) {
      expect(use).toThrow(expect.objectContaining({ code: "ERR_SECRET_DISPOSED" }));
    }
  });

  test("a clone outlives its origin", () => {
    const first = SecretBytes.from(Uint8Array.of(7));
    const second = first.clone();
    expect(second.equals(first)).toBe(true);
    first[Symbol.dispose]();
    expect(second.expose((bytes) => bytes[0])).toBe(7);
  });
});
