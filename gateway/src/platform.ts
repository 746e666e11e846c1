import { randomBytes } from "node:crypto";
import { type Clock, parseEpochMs, type Random } from "@cloister/base";

export const systemClock: Clock = { now: () => parseEpochMs(Date.now()) };

export const systemRandom: Random = { bytes: (lengthBytes) => randomBytes(lengthBytes) };
