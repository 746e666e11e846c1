import { parseEpochMs, utf8Bytes } from "@cloister/base";
import { describe, expect, test } from "vitest";
import { totpFactor } from "./totp.ts";

/** RFC 6238, appendix B, SHA-1: the last six of its eight digits. */
const rfcSecret = utf8Bytes("12345678901234567890");
const rfcVectors = [
  [1_111_111_109, "081804"],
  [1_111_111_111, "050471"],
  [1_234_567_890, "005924"],
  [2_000_000_000, "279037"],
  [20_000_000_000, "353130"],
] as const;

function freshState(): Uint8Array {
  return Uint8Array.from([...rfcSecret, ...new Uint8Array(8)]);
}

function present(state: Uint8Array, seconds: number, code: string) {
  const now = parseEpochMs(seconds * 1_000);
  return totpFactor.present({ state, proof: utf8Bytes(code), now });
}

describe("TOTP", () => {
  test.each(rfcVectors)("takes the code of RFC 6238 at %i s", (seconds, code) => {
    expect(present(freshState(), seconds, code).kind).toBe("accepted");
    expect(present(freshState(), seconds + 30, code).kind).toBe("accepted");
    expect(present(freshState(), seconds - 30, code).kind).toBe("accepted");
    expect(present(freshState(), seconds + 60, code).kind).toBe("wrong");
    expect(present(freshState(), seconds - 60, code).kind).toBe("wrong");
  });

  test("a step counts once, and none before it counts afterwards", () => {
    const first = present(freshState(), 1_111_111_111, "050471");
    if (first.kind !== "accepted") throw new Error("the code was refused");
    expect(present(first.state, 1_111_111_111, "050471").kind).toBe("used");
    expect(present(first.state, 1_111_111_115, "050471").kind).toBe("used");
    expect(present(first.state, 1_111_111_111, "081804").kind).toBe("used");
  });

  test.each(["", "05047", "0504711", "05047a", "٠٥٠٤٧١", " 50471", "+50471"])(
    "refuses %j, which is no code of six digits",
    (code) => {
      expect(present(freshState(), 1_111_111_111, code).kind).toBe("wrong");
    },
  );

  test("enrols with a URI that authenticators read, and a secret of 160 bits", () => {
    const random = { bytes: () => Uint8Array.from(rfcSecret) };
    const { state, provisioning } = totpFactor.enrol({
      orgName: "Ex: ample & Co",
      accountLabel: "acct_abc",
      random,
    });
    expect(state).toEqual(freshState());
    const uri = new URL(provisioning);
    expect(uri.protocol).toBe("otpauth:");
    expect(uri.searchParams.get("secret")).toBe("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    expect(uri.searchParams.get("issuer")).toBe("Ex: ample & Co");
    expect(uri.searchParams.get("digits")).toBe("6");
  });

  test("refuses a stored state of another length", () => {
    expect(() => present(new Uint8Array(20), 1_111_111_111, "050471")).toThrow(
      expect.objectContaining({ code: "ERR_STATE_MALFORMED" }),
    );
  });
});
