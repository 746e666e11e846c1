import { randomBytes } from "node:crypto";
import { newRoomId } from "@cloister/base";
import { NkeyPair } from "@cloister/server-kit";
import type { Bench } from "../bench.ts";
import { compareSides, startSide } from "../harness/starting.ts";
import type { TokenSetup } from "../sides/token-job.ts";

const random = { bytes: (length: number) => Uint8Array.from(randomBytes(length)) };

const ourTokens = 20_000;
/** It does some tens a second: enough to measure, few enough to wait for. */
const theirTokens = 100;
const devices = 100;
const roomsOfADevice = 8;

/** User JWTs a second, encoded and signed on one core, as at every `Connect` of a device. */
export const jwt: Bench = {
  name: "jwt",
  targets: { "per-second": { atLeast: 5_000 } },
  run: async (context) => {
    await using closing = new AsyncDisposableStack();
    const setup = tokenSetup();
    const ours = await startSide<TokenSetup>(closing, {
      name: "user-tokens",
      setup: { ...setup, count: context.scale.amount(ourTokens) },
    });
    const theirs = await startSide<TokenSetup>(closing, {
      name: "nats-io-tokens",
      setup: { ...setup, count: context.scale.amount(theirTokens) },
    });
    const result = await compareSides(context, { sides: [ours, theirs], unit: "tokens" });
    return [
      { figure: "per-second", value: result.rate(ours.name), unit: "1/s" },
      { figure: "vs-nats-io-jwt", value: result.ratio(ours.name, theirs.name), unit: "x" },
    ];
  },
};

function tokenSetup(): Omit<TokenSetup, "count"> {
  const signer = NkeyPair.generate("account");
  return {
    users: Array.from({ length: devices }, () => NkeyPair.generate("user").publicKey),
    signingSeed: signer.exposeSeed((seed) => Uint8Array.from(seed)),
    account: NkeyPair.generate("account").publicKey,
    tags: Array.from({ length: roomsOfADevice }, () => `room:${newRoomId(random)}`),
  };
}
