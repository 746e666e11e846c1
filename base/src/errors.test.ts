import { describe, expect, test } from "vitest";
import { errorFromReport, reportOf } from "./error-report.ts";
import { exitCodeOf, httpStatusOf, kindStatus, natsStatusOf } from "./error-status.ts";
import { CloisterError, defineErrors, errorKinds, hasErrorCode } from "./errors.ts";

const errors = defineErrors({
  ERR_POLICY_FACTOR_MISSING: { kind: "Policy", hint: "Present a code of your authenticator." },
  ERR_BUSY: { kind: "Transport", retryable: true },
});

describe("errors", () => {
  test("a declared code makes an error with its kind, hint and details", () => {
    const cause = new Error("inner");
    const error = errors.ERR_POLICY_FACTOR_MISSING("the room wants TOTP", {
      cause,
      details: { factor: "totp" },
    });
    expect(error).toBeInstanceOf(CloisterError);
    expect(error).toMatchObject({
      kind: "Policy",
      code: "ERR_POLICY_FACTOR_MISSING",
      retryable: false,
      hint: "Present a code of your authenticator.",
      details: { factor: "totp" },
      cause,
    });
    expect(hasErrorCode(error, "ERR_POLICY_FACTOR_MISSING")).toBe(true);
    expect(hasErrorCode(new Error("ERR_POLICY_FACTOR_MISSING"), "ERR_POLICY_FACTOR_MISSING")).toBe(
      false,
    );
    expect(errors.ERR_BUSY("later").retryable).toBe(true);
  });

  test("a report tells neither cause nor stack, and survives the way back", () => {
    const error = errors.ERR_BUSY("later", { cause: new Error("secret text") });
    const text = JSON.stringify(error);
    expect(text).not.toContain("secret text");
    expect(errorFromReport(JSON.parse(text))).toMatchObject({ ...reportOf(error) });
  });

  test("a foreign error is told without its text", () => {
    expect(reportOf(new Error("key 00ff"))).toEqual({
      kind: "Internal",
      code: "ERR_INTERNAL",
      message: "internal error",
      retryable: false,
    });
  });

  test("a peer's unknown kind and malformed code still refuse", () => {
    const error = errorFromReport({
      kind: "Later",
      code: "rm -rf",
      message: "x",
      retryable: false,
    });
    expect(error).toMatchObject({ kind: "Internal", code: "ERR_UNKNOWN" });
  });

  test("each kind has a refusing status on every surface, exit codes all different", () => {
    for (const kind of errorKinds) {
      expect(httpStatusOf(kind)).toBeGreaterThanOrEqual(400);
      expect(natsStatusOf(kind)).toBeGreaterThanOrEqual(400);
      expect(exitCodeOf(kind)).toBeGreaterThan(0);
    }
    expect(new Set(Object.values(kindStatus).map(({ exit }) => exit)).size).toBe(errorKinds.length);
  });
});
