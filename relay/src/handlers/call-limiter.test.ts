import { userNkeyFromBytes } from "@cloister/proto";
import { describe, expect, it } from "vitest";
import { CallLimiter } from "./call-limiter.ts";

const alice = userNkeyFromBytes(new Uint8Array(32).fill(1));
const refused = expect.objectContaining({ code: "ERR_RELAY_RATE" });
const bob = userNkeyFromBytes(new Uint8Array(32).fill(2));

describe("CallLimiter", () => {
  it("lets a burst through, then what the rate earns, each device for itself", () => {
    let nowMs = 0;
    const limits = { burst: 3, perSecond: 2, inFlight: 10 };
    const limiter = new CallLimiter({ limits, now: () => nowMs });
    const call = () => limiter.enter(alice)[Symbol.dispose]();
    for (let count = 0; count < 3; count += 1) call();
    expect(call).toThrow(refused);
    limiter.enter(bob)[Symbol.dispose]();
    nowMs = 500;
    call();
    expect(call).toThrow(refused);
    nowMs = 3_600_000;
    for (let count = 0; count < 3; count += 1) call();
    expect(call).toThrow(refused);
  });

  it("counts what is under way, once", () => {
    const limits = { burst: 100, perSecond: 1, inFlight: 2 };
    const limiter = new CallLimiter({ limits, now: () => 0 });
    const first = limiter.enter(alice);
    limiter.enter(alice);
    expect(() => limiter.enter(alice)).toThrow(refused);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    limiter.enter(alice);
    expect(() => limiter.enter(alice)).toThrow(refused);
  });
});
