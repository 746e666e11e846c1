import { groupIdFromBytes, projectIdFromBytes, roomIdFromBytes } from "@cloister/base";
import { rulesErrors } from "../errors.ts";
import { KNOWN_RULES_VERSION, ROOM_SUITE } from "../limits.ts";
import type { RoomFact } from "../state/facts.ts";
import { projectScope } from "../state/scope.ts";
import {
  type BodyOf,
  type Judgement,
  requireOwnerOver,
  type StatementContext,
  signingDevice,
} from "./judgement.ts";

export function judgeRoomCreated(
  context: StatementContext,
  body: BodyOf<"roomCreated">,
): Judgement {
  const signer = signingDevice(context);
  const room: RoomFact = {
    room: roomIdFromBytes(body.roomId),
    project: projectIdFromBytes(body.projectId),
    groupId: groupIdFromBytes(body.groupId),
    suite: body.suite,
    rulesVersion: body.rulesVersion,
    createdAt: context.position,
    createdBy: signer.certificate.device,
  };
  return {
    signers: [[signer.certificate.statementKey]],
    version: context.state.rooms.has(room.room) ? 1 : 0,
    onlyVersion: 0,
    check: () => {
      requireOwnerOver(context, signer, projectScope(room.project));
      checkRoom(context, room);
      return (facts) => {
        facts.rooms.set(room.room, room);
        facts.groupIds.add(room.groupId);
      };
    },
  };
}

function checkRoom({ state }: StatementContext, room: RoomFact): void {
  if (room.suite !== ROOM_SUITE || room.rulesVersion > KNOWN_RULES_VERSION) {
    throw rulesErrors.ERR_VERIFICATION_STATEMENT_UNKNOWN(
      "a room of a suite or rules version that this version does not know",
    );
  }
  if (state.groupIds.has(room.groupId) && !state.rooms.has(room.room)) {
    throw rulesErrors.ERR_VERIFICATION_STATEMENT_SUBJECT("another room has this group id");
  }
}
