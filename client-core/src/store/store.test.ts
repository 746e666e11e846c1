import { formatHex, newRoomId, type Sealed, SecretBytes, sha256, utf8Bytes } from "@cloister/base";
import { describe, expect, expectTypeOf, it } from "vitest";
import { webCrypto } from "../crypto/web-crypto.ts";
import type { StorePort, StoreRow } from "../ports.ts";
import { durableRow, parseDurable } from "../room/rows.ts";
import { newDurable } from "../room/state.ts";
import { encodeStored, fieldsOf, parseStored } from "./frame.ts";
import { storeKeys } from "./keys.ts";
import { openSealedStore } from "./seal-store.ts";
import { assertSealed } from "./sealed-format.ts";

function memory(): { rows: Map<string, Sealed>; port: StorePort } {
  const rows = new Map<string, Sealed>();
  return {
    rows,
    port: {
      get: (key) => rows.get(key),
      list: () => [...rows].map(([key, value]) => ({ key, value })),
      transaction: ({ puts }) => {
        for (const { key, value } of puts) {
          assertSealed(value);
          rows.set(key, value);
        }
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
  };
}

let drawn = 0;
const random = {
  bytes: (length: number): Uint8Array => {
    drawn += 1;
    return new Uint8Array(length).fill(drawn);
  },
};
const ports = (port: StorePort, key = 1): Parameters<typeof openSealedStore>[0] => ({
  store: port,
  storeKey: SecretBytes.from(new Uint8Array(32).fill(key)),
  crypto: webCrypto(),
  random,
});

describe("the store", () => {
  it("[F90] takes ciphertext only: plaintext is a type error and throws", () => {
    const { port } = memory();
    const plain = utf8Bytes("a secret of more than thirty-two bytes, in the clear");
    expectTypeOf(plain).not.toExtend<StoreRow["value"]>();
    const put = { key: "k", value: plain as StoreRow["value"] };
    expect(() => port.transaction({ puts: [put], deletes: [] })).toThrow(
      expect.objectContaining({ code: "ERR_STORE_PLAINTEXT" }) as Error,
    );
    expect(() => assertSealed(new Uint8Array(0))).toThrow(/sealed values/);
    expect(() => assertSealed(new Uint8Array(200))).toThrow(/sealed values/);
  });

  it("[F95] holds no byte of what was put, and gives it back", async () => {
    const { rows, port } = memory();
    const store = await openSealedStore(ports(port));
    await store.transaction({ puts: [{ key: "k", value: utf8Bytes("marker") }], deletes: [] });
    const [sealed] = rows.values();
    expect(Buffer.from(sealed ?? []).includes("marker")).toBe(false);
    expect(await store.get("k")).toEqual(utf8Bytes("marker"));
  });

  it("refuses another key, an altered value and one moved to another row", async () => {
    const { rows, port } = memory();
    const store = await openSealedStore(ports(port));
    await store.transaction({ puts: [{ key: "k", value: utf8Bytes("x") }], deletes: [] });
    const good = rows.get("k");
    if (good === undefined) throw new Error("nothing stored");
    await expect((await openSealedStore(ports(port, 2))).get("k")).rejects.toMatchObject({
      code: "ERR_STORE_UNSEALED",
    });
    rows.set("other", good);
    await expect(store.get("other")).rejects.toMatchObject({ code: "ERR_STORE_UNSEALED" });
    const altered = Uint8Array.from(good);
    altered[20] = (altered[20] ?? 0) ^ 1;
    assertSealed(altered);
    rows.set("k", altered);
    await expect(store.get("k")).rejects.toMatchObject({ code: "ERR_STORE_UNSEALED" });
    const put = { key: "white space", value: utf8Bytes("x") };
    await expect(store.transaction({ puts: [put], deletes: [] })).rejects.toMatchObject({
      code: "ERR_STORE_KEY",
    });
  });

  it("golden bytes: a frame, and a new room, version 1", () => {
    expect(formatHex(encodeStored({ a: "b" }, Uint8Array.of(1, 2)))).toBe(
      "01000000097b2261223a2262227d0102",
    );
    const room = newRoomId({ bytes: (length) => new Uint8Array(length) });
    const { key, value } = durableRow(room, newDurable());
    expect(key).toBe(storeKeys.roomState(room));
    expect(formatHex(sha256(value))).toMatchInlineSnapshot(
      `"3702506a5c690564564d57d15cf8eb2507fd2b94e031ae7e04440e9eec3ff889"`,
    );
  });

  it("refuses a frame of another version or shape", () => {
    const good = encodeStored({ a: 1 });
    expect(() => parseStored(Uint8Array.of(2, ...good.subarray(1)))).toThrow(/format/);
    expect(() => parseStored(good.subarray(0, good.length - 1))).toThrow(/format/);
    expect(() => parseStored(Uint8Array.of(1, 255, 255, 255, 255))).toThrow(/format/);
    expect(() => fieldsOf({ a: 1 }).text("a")).toThrow(/format/);
    expect(() => fieldsOf({}).text("constructor")).toThrow(/format/);
  });

  it("[F51] keeps what a newer version has written into a room", () => {
    const room = newRoomId({ bytes: (length) => new Uint8Array(length) });
    const stored = parseStored(durableRow(room, newDurable()).value);
    const newer = encodeStored({ ...stored.header, mood: { sunny: true } }, stored.body);
    const again = parseStored(durableRow(room, parseDurable(newer)).value);
    expect(again.header["mood"]).toEqual({ sunny: true });
  });
});
