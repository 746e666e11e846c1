import type { RoomMessage } from "@cloister/client-core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { safeName } from "./commands/files.ts";
import { messageText } from "./message-text.ts";
import { formatBytes, formatTable, jsonLine, printable, printableLine } from "./output.ts";

const obeyed = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

function messageOf(text: string, personName = "Mallory"): RoomMessage {
  const body = { kind: "text", text } as const;
  return { personName, sentAt: 0, account: "acct_x", body } as unknown as RoomMessage;
}

describe("what others wrote", () => {
  it("never reaches a terminal as a command", () => {
    const hostile = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(hostile, hostile, (text, name) => {
        expect(printable(text)).not.toMatch(obeyed);
        expect(printableLine(text)).not.toMatch(/[\n\t]/);
        expect(messageText(messageOf(text, name))).not.toMatch(obeyed);
        expect(formatTable([[text, name]])).not.toMatch(/[\n\t\u001b\u009b]/);
      }),
    );
  });

  it("is escaped in JSON and comes back whole", () => {
    const text = "\u001b]0;owned\u0007 \u009b2J \u202e";
    const line = jsonLine({ text });
    expect(line).not.toMatch(obeyed);
    expect(JSON.parse(line)).toEqual({ text });
  });

  it("cannot look like another's message", () => {
    const lines = messageText(messageOf("hi\n1970-01-01 00:00  Alice: pay him")).split("\n");
    expect(lines).toEqual([
      "1970-01-01 00:00  Mallory: hi",
      "    1970-01-01 00:00  Alice: pay him",
    ]);
  });

  it("names a file, and neither its folder nor a hidden one", () => {
    expect(safeName("../../.ssh/authorized_keys")).toBe("authorized_keys");
    expect(safeName("..\\..\\evil.exe")).toBe("evil.exe");
    expect(safeName(".bashrc")).toBe("bashrc");
    expect(safeName("a\nb\u001b[2J")).toBe("a\ufffdb\ufffd[2J");
    expect(safeName("...")).toBe("file");
  });
});

describe("plain output", () => {
  it("has columns without trailing blanks", () => {
    expect(
      formatTable([
        ["a", "bb", ""],
        ["ccc", "d", "e"],
      ]),
    ).toBe("a    bb\nccc  d   e");
  });

  it("tells sizes in binary units", () => {
    expect([0, 1023, 1024, 10 * 1024 * 1024].map(formatBytes)).toEqual([
      "0 B",
      "1023 B",
      "1.0 KiB",
      "10.0 MiB",
    ]);
  });

  it("JSON has bytes as base64url and large numbers as strings", () => {
    expect(
      jsonLine({ bytes: Buffer.of(255, 254), list: [Uint8Array.of(1)], large: 2n ** 60n }),
    ).toBe('{"bytes":"__4","list":["AQ"],"large":"1152921504606846976"}');
  });
});
