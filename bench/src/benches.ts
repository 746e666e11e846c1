import type { Bench } from "./bench.ts";
import { jwt } from "./benches/jwt.ts";

/** Every bench, in the order in which they run without a name. */
export const benches: readonly Bench[] = [jwt];
