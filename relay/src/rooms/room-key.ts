import type { OrgId, RoomId } from "@cloister/base";

/** Names a room: ids of rooms are random, but only unique within an org. */
export interface RoomKey {
  readonly org: OrgId;
  readonly room: RoomId;
}

export function roomKeyText({ org, room }: RoomKey): string {
  return `${org}/${room}`;
}
