import { describe, expect, test } from "vitest";
import { defaultRates, RateLimits } from "./rate-limits.ts";

describe("rates", () => {
  test("so many of one key, then a refusal that says how long to wait; others go on", async () => {
    const limits = new RateLimits({ ...defaultRates, caller: { calls: 2, seconds: 30 } });
    await limits.take("caller", "a");
    await limits.take("caller", "a");
    await expect(limits.take("caller", "a")).rejects.toMatchObject({
      kind: "Limit",
      code: "ERR_LIMIT_RATE",
      retryable: true,
      details: { waitMs: expect.any(Number) },
    });
    await limits.take("caller", "b");
    await limits.take("address", "a");
  });

  test("after the time has passed, again", async () => {
    const limits = new RateLimits({ ...defaultRates, claim: { calls: 1, seconds: 1 } });
    await limits.take("claim", "a");
    await expect(limits.take("claim", "a")).rejects.toMatchObject({ code: "ERR_LIMIT_RATE" });
    await expect.poll(() => limits.take("claim", "a"), { timeout: 5_000 }).toBeUndefined();
  });
});
