import type { Bench } from "./bench.ts";
import { inboxConsumers } from "./benches/inbox-consumers.ts";
import { jwt } from "./benches/jwt.ts";

/** Every bench, in the order in which they run without a name. */
export const benches: readonly Bench[] = [jwt, inboxConsumers];
