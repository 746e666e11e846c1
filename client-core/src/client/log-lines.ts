import { type Id, type IdKind, shortId } from "@cloister/base";
import type { EntryView } from "@cloister/rules";
import type { LogLine } from "../client-types.ts";
import type { LogState } from "../log/keeper.ts";

/** The log as a person reads it: position, time, kind and signer of each entry. */
export function logLines({ replica, views }: LogState): LogLine[] {
  const { genesis, entries } = replica.state;
  const founding: LogLine = {
    position: 0n,
    time: entries[0]?.timeMs ?? genesis.createdMs,
    kind: "genesis",
    device: undefined,
    text: `founds ${genesis.orgName}`,
  };
  return [founding, ...views.map(lineOf)];
}

function lineOf({ position, timeMs, statement }: EntryView): LogLine {
  const kind = statement?.body.$case ?? "statement";
  const by = statement?.device === undefined ? "" : ` by ${shorten(statement.device)}`;
  const device = statement?.device;
  return { position: BigInt(position), time: timeMs, kind, device, text: `${kind}${by}` };
}

function shorten(id: Id<IdKind>): string {
  return shortId(id);
}
