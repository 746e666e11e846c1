import type { Room } from "@cloister/client-core";

/** Texts of the room in order, as far as they are here. */
export async function texts(room: Room): Promise<string[]> {
  const found: string[] = [];
  for await (const { body } of room.messages({ live: false })) {
    if (body.kind === "text") found.push(body.text);
  }
  return found;
}

/** Waits until the check holds; fails with its last answer. */
export async function until(check: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`never: ${what}`);
}
