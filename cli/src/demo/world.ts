import type { ProjectId, RoomId } from "@cloister/base";
import { isCloisterError } from "@cloister/base";
import { type RoomMessage, setup } from "@cloister/client-core";
import type { Player } from "./cast.ts";
import type { DemoBox } from "./demo-box.ts";
import type { Marker } from "./marker.ts";
import type { Stage } from "./stage.ts";

const DAY_MS = 86_400_000;

/** Everything that a scene may touch. */
export interface DemoWorld {
  readonly stage: Stage;
  readonly folder: string;
  readonly sourceFolder: string;
  readonly box: DemoBox;
  readonly secret: Marker;
  readonly control: Marker;
  readonly alice: Player;
  readonly bob: Player;
  readonly mallory: Player;
}

export interface DemoRooms {
  readonly project: ProjectId;
  readonly sources: RoomId;
  readonly lobby: RoomId;
}

/** An invitation goes from one to the other by hand: no server sees its secret. */
export async function accept(player: Player, inviter: Player, room: RoomId): Promise<void> {
  const { text } = await inviter.client.org.invite({
    grants: [
      { scope: { kind: "org" }, role: "user" },
      { scope: { kind: "room", room }, role: "user" },
    ],
    expiresInMs: DAY_MS,
  });
  const ports = await player.createProfile();
  await setup.acceptInvitation(ports, { invitation: text, personName: player.name });
  await player.goOnline();
}

export function textOf({ body }: RoomMessage): string | undefined {
  return body.kind === "text" ? body.text : undefined;
}

/** The words of the refusal; throws where nothing was refused. */
export async function refusalOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
  } catch (error) {
    if (isCloisterError(error) && ["Policy", "Verification", "Usage"].includes(error.kind)) {
      return error.hint === undefined ? error.message : `${error.message}: ${error.hint}`;
    }
    throw error;
  }
  throw new Error("this should have been refused, and was not");
}
