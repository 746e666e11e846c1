import { describe, expect, test } from "vitest";
import { closingLine, parseSkipAllowList, total } from "./closing.ts";

const allowed = parseSkipAllowList("# why\na.test.ts > needs a TPM # no TPM in containers\n\n");

describe("the closing line", () => {
  test("adds up every runner", () => {
    const result = total(
      [
        { passed: 3, failed: [], skipped: [] },
        { passed: 4, failed: ["b.test.ts > x"], skipped: [] },
      ],
      allowed,
    );
    expect(closingLine(result)).toBe("7 passed, 1 failed");
  });

  test("an allowed skip is counted by name, any other fails", () => {
    const result = total(
      [{ passed: 1, failed: [], skipped: ["a.test.ts > needs a TPM", "a.test.ts > forgotten"] }],
      allowed,
    );
    expect(closingLine(result)).toBe("1 passed, 1 failed, 1 skipped");
    expect(result.failed).toEqual(["a.test.ts > forgotten (skipped, and not in .ci/skips.allow)"]);
  });
});
