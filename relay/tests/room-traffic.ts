import type { RoomId } from "@cloister/base";
import { parseMessage, roomSubject, roomsV1 } from "@cloister/proto";
import { type ApiReply, behindFence, publish, pull } from "@cloister/testkit";
import type { TestMember } from "./test-member.ts";

/** Seals a text and publishes it behind a fence, as a client does. */
export async function send(
  member: TestMember,
  room: RoomId,
  message: { readonly text: string; readonly fence: number; readonly padBytes?: number },
): Promise<ApiReply> {
  const plaintext = Buffer.from(message.text.padEnd(message.padBytes ?? 0));
  const groupId = member.groupId(room);
  const sealed = member.engine.seal({ groupId, plaintext, aad: new Uint8Array() });
  const payload = roomsV1.RoomRecord.encode({
    content: { $case: "sealed", value: sealed },
  }).finish();
  return publish(member.user.connection, {
    subject: roomSubject(room, member.device.certificate.nkey),
    payload,
    headers: behindFence(room, message.fence),
  });
}

/** What waits in the device's inbox: texts in order, and how many fences were between them. */
export async function receive(
  member: TestMember,
  room: RoomId,
): Promise<{ readonly texts: string[]; readonly fences: number }> {
  const texts: string[] = [];
  let fences = 0;
  for (const message of await pull(member.user)) {
    const { content } = parseMessage("cloister.rooms.v1.RoomRecord", message.data);
    if (content?.$case === "fence") {
      fences += 1;
      continue;
    }
    const opened = member.engine.open(member.groupId(room), content?.value ?? new Uint8Array());
    texts.push(Buffer.from(opened.plaintext).toString().trimEnd());
  }
  return { texts, fences };
}
