import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  fileIdFromBytes,
  groupIdFromBytes,
  idBytes,
  isRoomId,
  newRoomId,
  orgIdFromBytes,
  parseFileId,
  parseGroupId,
  parseOrgId,
  parseRoomId,
  roomIdFromBytes,
  shortId,
} from "./ids.ts";

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

describe("ids", () => {
  test("known texts", () => {
    expect(roomIdFromBytes(new Uint8Array(16))).toBe(`room_${"a".repeat(26)}`);
    expect(orgIdFromBytes(new Uint8Array(32).fill(0xff))).toBe(`org_${"7".repeat(51)}q`);
  });

  test("bytes and text go both ways", () => {
    const kinds = [
      { length: 16, fromBytes: roomIdFromBytes, parse: parseRoomId },
      { length: 16, fromBytes: fileIdFromBytes, parse: parseFileId },
      { length: 32, fromBytes: orgIdFromBytes, parse: parseOrgId },
      { length: 32, fromBytes: groupIdFromBytes, parse: parseGroupId },
    ];
    for (const { length, fromBytes, parse } of kinds) {
      fc.assert(
        fc.property(bytesOf(length), (bytes) => {
          const id = fromBytes(bytes);
          expect(id).toMatch(/^[a-z]+_[a-z2-7]+$/);
          expect(idBytes(parse(id))).toEqual(bytes);
        }),
      );
    }
  });

  test("another spelling is refused", () => {
    const id = roomIdFromBytes(new Uint8Array(16));
    const refused = [
      id.toUpperCase(),
      `${id.slice(0, -1)}b`, // a trailing bit set
      `${id}=`,
      `${id}a`,
      id.slice(0, -1),
      `file_${"a".repeat(26)}`,
      `room_${"a".repeat(25)}1`,
      `room_${"a".repeat(25)}.`,
      `room_${"a".repeat(25)}*`,
      ` ${id.slice(1)}`,
      "",
    ];
    for (const text of refused) {
      expect(() => parseRoomId(text)).toThrow(
        expect.objectContaining({ code: "ERR_ID_MALFORMED" }),
      );
      expect(isRoomId(text)).toBe(false);
    }
    expect(isRoomId(id)).toBe(true);
  });

  test("any text either is refused or is the one spelling of its bytes", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 26, maxLength: 26 }), (text) => {
        const candidate = `room_${text}`;
        if (isRoomId(candidate)) expect(roomIdFromBytes(idBytes(candidate))).toBe(candidate);
      }),
    );
  });

  test("wrong lengths are refused, short draws too", () => {
    expect(() => roomIdFromBytes(new Uint8Array(15))).toThrow(/16 bytes/);
    expect(() => newRoomId({ bytes: () => new Uint8Array(8) })).toThrow(
      expect.objectContaining({ code: "ERR_RANDOM_LENGTH" }),
    );
    expect(newRoomId({ bytes: (length) => new Uint8Array(length).fill(1) })).toMatch(/^room_/);
  });

  test("a short id is prefix and eight characters", () => {
    expect(shortId(roomIdFromBytes(new Uint8Array(16)))).toBe("room_aaaaaaaa");
  });
});
