import {
  equalBytes,
  isCloisterError,
  markVerified,
  type RoomId,
  type Verified,
  verifySignature,
} from "@cloister/base";
import { rulesErrors } from "../errors.ts";
import { type CheckpointView, verifyCheckpoint } from "../log/verify-checkpoint.ts";
import { type DeviceView, deviceAt } from "../state/devices.ts";
import type { RoomFact } from "../state/facts.ts";
import { logRootAt, logSize, type OrgState, orgOf } from "../state/org-state.ts";
import { roomAt } from "../state/places.ts";
import { type HandshakeEnvelope, parseHandshake } from "./handshake.ts";

/** A record that its device signed as a whole, with the log that it was made under. */
export interface HandshakeFrame {
  readonly envelope: HandshakeEnvelope;
  readonly room: RoomFact;
  readonly signer: DeviceView;
  readonly checkpoint: Verified<CheckpointView>;
}

export interface FrameQuery {
  readonly room: RoomId;
  /** Encoded SignedHandshake. */
  readonly record: Uint8Array;
  /** The index that comes next. */
  readonly index: number;
}

/** Rule 1 of docs/protocol.md, Handshakes, as far as it needs no engine. */
export function verifyFrame(state: OrgState, query: FrameQuery): Verified<HandshakeFrame> {
  const envelope = parseHandshake(query.record, state.crypto.sha256);
  if (envelope.org !== orgOf(state) || envelope.room !== query.room) {
    throw rulesErrors.ERR_HANDSHAKE_ROOM("a handshake of another room");
  }
  if (envelope.index !== query.index) {
    throw rulesErrors.ERR_HANDSHAKE_POSITION("not the handshake that comes next", {
      details: { next: query.index, shown: envelope.index },
    });
  }
  const checkpoint = verifyHandshakeCheckpoint(state, envelope.message.checkpoint);
  const room = roomAt(state, { room: query.room, at: checkpoint.size });
  if (room === undefined) {
    throw rulesErrors.ERR_HANDSHAKE_ROOM("the log of this size knows no such room");
  }
  const signer = verifyHandshakeSignature(state, envelope, checkpoint);
  return markVerified({ envelope, room, signer, checkpoint });
}

function verifyHandshakeCheckpoint(state: OrgState, signed: Uint8Array): Verified<CheckpointView> {
  const checkpoint = readCheckpoint(state, signed);
  if (checkpoint.size > logSize(state)) {
    throw rulesErrors.ERR_HANDSHAKE_LOG_AHEAD("made under a longer log than the one known here", {
      details: { wanted: checkpoint.size, known: logSize(state) },
    });
  }
  if (checkpoint.size === 0) throw rulesErrors.ERR_HANDSHAKE_CHECKPOINT("made under an empty log");
  if (!equalBytes(logRootAt(state, checkpoint.size), checkpoint.root)) {
    throw rulesErrors.ERR_VERIFICATION_LOG_FORK("the log signed two roots for one size", {
      details: { size: checkpoint.size },
    });
  }
  return checkpoint;
}

function readCheckpoint(state: OrgState, signed: Uint8Array): Verified<CheckpointView> {
  try {
    return verifyCheckpoint(state, signed);
  } catch (cause) {
    if (!isCloisterError(cause)) throw cause;
    throw rulesErrors.ERR_HANDSHAKE_CHECKPOINT("its checkpoint does not verify", { cause });
  }
}

function verifyHandshakeSignature(
  state: OrgState,
  { bytes: payload, signature, device }: HandshakeEnvelope,
  { size: at, timeMs }: CheckpointView,
): DeviceView {
  const signer = deviceAt(state, { device, at, timeMs });
  if (signer?.status !== "live") {
    throw rulesErrors.ERR_HANDSHAKE_SENDER(
      "the signing device is not live at the commit's log size",
      {
        details: { device, at, status: signer?.status ?? "unknown" },
      },
    );
  }
  const publicKey = signer.certificate.statementKey;
  try {
    verifySignature(
      { type: "handshake", org: orgOf(state), payload, signature, publicKey },
      state.crypto.verify,
    );
  } catch (cause) {
    throw rulesErrors.ERR_HANDSHAKE_SIGNATURE("the record is not signed by its device", { cause });
  }
  return signer;
}
