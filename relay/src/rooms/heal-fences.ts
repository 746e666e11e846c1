import { type OrgId, parseRoomId } from "@cloister/base";
import { deliveryStreams, deliverySubjects } from "../store/delivery-streams.ts";
import { inParallel } from "../store/in-parallel.ts";
import type { JetStreamApi } from "../store/jetstream-api.ts";
import type { FenceWriter } from "./fence-writer.ts";
import { parseHandshakeRecord } from "./handshake-record.ts";

export interface HealOptions {
  readonly org: OrgId;
  readonly delivery: JetStreamApi;
  readonly fences: FenceWriter;
}

/** At start: makes the fence of every room's newest handshake that a killed relay left out. */
export async function healFences({ org, delivery, fences }: HealOptions): Promise<void> {
  const filter = deliverySubjects.handshakesOfOrg(org);
  const { subjects } = await delivery.streamFacts(deliveryStreams.handshakes, filter);
  await inParallel([...subjects], async ([subject, count]) => {
    const room = parseRoomId(subject.slice(subject.lastIndexOf(".") + 1));
    if ((await fences.find({ org, room }, count - 1)) !== undefined) return;
    const newest = await delivery.last(deliveryStreams.handshakes, subject);
    if (newest !== undefined) await fences.ensure({ org, room }, parseHandshakeRecord(newest.data));
  });
}
