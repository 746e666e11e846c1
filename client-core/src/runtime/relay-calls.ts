import { type ErrorReport, idBytes, type RoomId, reportOf } from "@cloister/base";
import {
  deliverySubject,
  encodeRequest,
  type MethodName,
  type MethodOfService,
  methodRule,
  parseMessage,
  parseReply,
  type RequestOf,
  type ResponseOf,
  type UserNkey,
} from "@cloister/proto";
import { REQUEST_TIMEOUT_MS } from "../limits.ts";
import type { Connection } from "../ports.ts";
import type { RoomEvent } from "../room/events.ts";

const service = "cloister.relay.v1.DeliveryService";
type DeliveryMethod = MethodOfService<typeof service>;
type DeliveryName = `${typeof service}/${DeliveryMethod}` & MethodName;

/** Calls to the Delivery Service over the device's connection. */
export interface RelayCalls {
  call<Name extends DeliveryName>(name: Name, request: RequestOf<Name>): Promise<ResponseOf<Name>>;
}

/** One answer holds what fits a message; a handshake alone nearly fills it. */
const MAX_ANSWER_BYTES = 1_048_576;

export function createRelayCalls(
  connection: Pick<Connection, "request">,
  nkey: UserNkey,
): RelayCalls {
  return {
    async call(name, request) {
      const rule = methodRule(name);
      const answer = await connection.request({
        subject: deliverySubject(nkey, rule.name),
        payload: encodeRequest(name, request),
        timeoutMs: REQUEST_TIMEOUT_MS,
      });
      return parseMessage(rule.response, parseReply(answer), MAX_ANSWER_BYTES) as never;
    },
  };
}

export async function fetchHandshakes(
  relay: RelayCalls,
  room: RoomId,
  fromIndex: bigint,
): Promise<RoomEvent> {
  try {
    const { handshakes } = await relay.call(`${service}/GetHandshakes`, {
      roomId: idBytes(room),
      fromIndex,
    });
    return { kind: "handshakes", fromIndex, records: handshakes.map(({ handshake }) => handshake) };
  } catch {
    return { kind: "handshakes-failed" };
  }
}

export async function appendHandshake(relay: RelayCalls, record: Uint8Array): Promise<RoomEvent> {
  try {
    const { index, fenceSequence } = await relay.call(`${service}/AppendHandshake`, {
      handshake: record,
    });
    return { kind: "appended", record, index, fenceSequence };
  } catch (error) {
    return { kind: "append-refused", record, report: reportOf(error) };
  }
}

/** The gateway's grant for one epoch of one room. */
export type GrantJoin = (room: RoomId, epoch: bigint) => Promise<Uint8Array>;

/** The room may move on between the grant and the key. */
const KEY_TRIES = 3;

/** docs/protocol.md, Joining: GetRoomEpoch → GrantJoin → GetRoomKey. */
export async function prepareJoin(
  relay: RelayCalls,
  room: RoomId,
  grantJoin: GrantJoin,
): Promise<RoomEvent> {
  let refusal: ErrorReport | undefined;
  for (let attempt = 0; attempt < KEY_TRIES; attempt += 1) {
    try {
      const answer = await tryKey(relay, room, grantJoin);
      if (answer !== undefined) return answer;
    } catch (error) {
      refusal = reportOf(error);
      if (refusal.kind === "Policy") break;
    }
  }
  return { kind: "join-refused", report: refusal ?? movedOn };
}

const movedOn: ErrorReport = {
  kind: "Transport",
  code: "ERR_ROOM_BUSY",
  message: "the room moves on faster than it can be joined",
  retryable: true,
};

async function tryKey(
  relay: RelayCalls,
  room: RoomId,
  grantJoin: GrantJoin,
): Promise<RoomEvent | undefined> {
  const roomId = idBytes(room);
  const { created, epoch } = await relay.call(`${service}/GetRoomEpoch`, { roomId });
  if (!created) return { kind: "not-created" };
  const grant = await grantJoin(room, epoch);
  const key = await relay.call(`${service}/GetRoomKey`, { grant });
  if (key.epoch !== epoch) return undefined;
  const { groupInfo, ratchetTree, handshakeHash, handshakeIndex: index } = key;
  return {
    kind: "join-prepared",
    key: { grant, groupInfo, ratchetTree, epoch, index, handshakeHash },
  };
}
