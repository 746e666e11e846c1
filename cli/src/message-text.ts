import { shortId } from "@cloister/base";
import type { RoomMessage } from "@cloister/client-core";
import { formatBytes, printable, printableLine } from "./output.ts";

/** A text of several lines is indented: none of them may look like another's message. */
const CONTINUATION = "\n    ";

/** One message for a person: time in UTC, who, what. */
export function messageText(message: RoomMessage): string {
  const time = new Date(message.sentAt).toISOString().slice(0, 16).replace("T", " ");
  const who = printableLine(message.personName ?? shortId(message.account));
  return `${time}  ${who}: ${bodyText(message.body)}`;
}

function bodyText(body: RoomMessage["body"]): string {
  switch (body.kind) {
    case "text":
      return printable(body.text).replaceAll("\n", CONTINUATION);
    case "file":
      return `[file] ${printableLine(body.file.name)}, ${formatBytes(body.file.lengthBytes)}, ${body.file.id}`;
    case "unknown":
      return "[something that a newer version wrote: update this program]";
    default:
      return body satisfies never;
  }
}

/** One message for a program. */
export function messageJson({ body, ...message }: RoomMessage): object {
  return { ...message, ...body };
}
