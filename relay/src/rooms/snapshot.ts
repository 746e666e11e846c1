import { concatBytes, formatHex, parseHex, parseUtf8, utf8Bytes } from "@cloister/base";
import type { PublicEngine } from "@cloister/group-engine/types";
import { emptyRoom, type RoomState, type Tip } from "./room-state.ts";

/** First line of the stored form: its name and version. */
const magic = "cloister room snapshot 1\n";

interface SnapshotHead {
  readonly index: number;
  readonly hash: string;
  readonly logSize: number;
  /** Stream sequences of handshakes 0 to `index`, each as the distance from the one before. */
  readonly steps: readonly number[];
}

/** The settled state of a room: head as a line of JSON, then the public group as the engine writes it. */
export function encodeSnapshot(settled: Tip, sequences: readonly number[]): Uint8Array {
  const known = sequences.slice(0, settled.index + 1);
  const head: SnapshotHead = {
    index: settled.index,
    hash: formatHex(settled.hash),
    logSize: settled.logSize,
    steps: known.map((sequence, index) => sequence - (known[index - 1] ?? 0)),
  };
  return concatBytes(utf8Bytes(`${magic}${JSON.stringify(head)}\n`), settled.group.serialize());
}

/** The room as the snapshot has it; undefined for any other version or damage: it is only a cache. */
export function decodeSnapshot(bytes: Uint8Array, engine: PublicEngine): RoomState | undefined {
  try {
    const { head, group } = parseSnapshot(bytes);
    const view = engine.restore(group);
    let sequence = 0;
    const sequences = head.steps.map((step) => (sequence += step));
    const tip: Tip = {
      index: head.index,
      hash: parseHex(head.hash),
      epoch: view.epoch(),
      group: view,
      groupInfo: new Uint8Array(),
      logSize: head.logSize,
    };
    return { ...emptyRoom, candidates: [tip], sequences };
  } catch {
    return undefined;
  }
}

function parseSnapshot(bytes: Uint8Array): { head: SnapshotHead; group: Uint8Array } {
  const start = magic.length;
  const end = bytes.indexOf(0x0a, start);
  if (end < 0 || parseUtf8(bytes.subarray(0, start)) !== magic) throw new TypeError("no snapshot");
  const head = JSON.parse(parseUtf8(bytes.subarray(start, end))) as SnapshotHead;
  if (head.steps.length !== head.index + 1) throw new TypeError("a snapshot with gaps");
  return { head, group: bytes.subarray(end + 1) };
}
