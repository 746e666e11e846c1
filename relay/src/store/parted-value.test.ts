import { describe, expect, it } from "vitest";
import { PART_BYTES } from "../limits.ts";
import type { StoredMessage } from "./jetstream-api.ts";
import { readValue, type ValueStore, writeValue } from "./parted-value.ts";

class MemoryStore implements ValueStore {
  readonly messages = new Map<string, StoredMessage>();

  publish(
    subject: string,
    data: Uint8Array,
    options: { readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<number> {
    const header = (name: string) => options.headers?.[name] ?? "";
    const sequence = this.messages.size + 1;
    this.messages.set(subject, { subject, sequence, data: Uint8Array.from(data), header });
    return Promise.resolve(sequence);
  }

  last(_stream: string, subject: string): Promise<StoredMessage | undefined> {
    return Promise.resolve(this.messages.get(subject));
  }
}

const bytesOf = (length: number, fill: number) => new Uint8Array(length).fill(fill);

describe("values in parts", () => {
  it.each([0, 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES])("keeps %d bytes", async (length) => {
    const place = { api: new MemoryStore(), stream: "S", subject: "s" };
    await writeValue(place, bytesOf(length, 7));
    expect(await readValue(place)).toEqual(bytesOf(length, 7));
  });

  it("sees no value where there is none, a part is missing, or two writers mixed", async () => {
    const api = new MemoryStore();
    const place = { api, stream: "S", subject: "s" };
    expect(await readValue(place)).toBeUndefined();
    await writeValue(place, bytesOf(2 * PART_BYTES, 1));
    const [, second] = [...api.messages.values()];
    await writeValue(place, bytesOf(2 * PART_BYTES, 2));
    if (second !== undefined) api.messages.set("s.1", second);
    expect(await readValue(place)).toBeUndefined();
    api.messages.delete("s.1");
    expect(await readValue(place)).toBeUndefined();
  });

  it("refuses what exceeds its parts, before it writes", async () => {
    const api = new MemoryStore();
    const place = { api, stream: "S", subject: "s" };
    await expect(writeValue(place, new Uint8Array(17 * PART_BYTES))).rejects.toMatchObject({
      code: "ERR_RELAY_ROOM_TOO_LARGE",
    });
    expect(api.messages.size).toBe(0);
  });
});
