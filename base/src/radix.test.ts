import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formatBase32,
  formatBase64Url,
  formatHex,
  parseBase32,
  parseBase64Url,
  parseHex,
} from "./radix.ts";
import { parseUtf8, utf8Bytes } from "./text.ts";

const radixes = [
  { name: "hex", format: formatHex, parse: parseHex },
  { name: "base32", format: formatBase32, parse: parseBase32 },
  { name: "base64url", format: formatBase64Url, parse: parseBase64Url },
];

describe("text forms of bytes", () => {
  test("RFC 4648 §10 vectors", () => {
    expect(formatBase32(utf8Bytes("foobar"))).toBe("mzxw6ytboi");
    expect(formatBase64Url(utf8Bytes("fooba"))).toBe("Zm9vYmE");
    expect(formatHex(utf8Bytes("foobar"))).toBe("666f6f626172");
    expect(formatBase64Url(Uint8Array.of(0xfb, 0xff))).toBe("-_8");
  });

  test.each(radixes)("$name goes both ways", ({ format, parse }) => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(parse(format(bytes))).toEqual(bytes);
      }),
    );
  });

  test.each(radixes)("$name accepts one spelling only", ({ format, parse }) => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), (text) => {
        let bytes: Uint8Array;
        try {
          bytes = parse(text);
        } catch (error) {
          expect(error).toMatchObject({ code: "ERR_ENCODING", kind: "Codec" });
          return;
        }
        expect(format(bytes)).toBe(text);
      }),
    );
  });

  test("trailing bits, padding, case and left-over characters are refused", () => {
    for (const text of ["mb", "MZXW6", "mzxw6===", "a", "aaa", "mzxw6yta1"]) {
      expect(() => parseBase32(text)).toThrow(/base32/);
    }
    for (const text of ["Zh", "Zg==", "A", "Zm9v+", "Zm9v/w"]) {
      expect(() => parseBase64Url(text)).toThrow(/base64url/);
    }
    for (const text of ["f", "FF", "0g"]) expect(() => parseHex(text)).toThrow(/hex/);
  });

  test("malformed UTF-8 is refused, a byte order mark kept", () => {
    expect(() => parseUtf8(Uint8Array.of(0xc3, 0x28))).toThrow(/UTF-8/);
    expect(parseUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe("\ufeffa");
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(parseUtf8(utf8Bytes(text))).toBe(text);
      }),
    );
  });
});
