import type { Bench } from "./bench.ts";
import { fileBench } from "./benches/file-bench.ts";
import { inboxConsumers } from "./benches/inbox-consumers.ts";
import { jwt } from "./benches/jwt.ts";
import { roomPublish } from "./benches/room-publish.ts";
import { roomRead } from "./benches/room-read.ts";
import { start } from "./benches/start.ts";

/** Every bench, in the order in which they run without a name. */
export const benches: readonly Bench[] = [
  roomPublish,
  roomRead,
  fileBench("send"),
  fileBench("get"),
  jwt,
  start,
  inboxConsumers,
];
