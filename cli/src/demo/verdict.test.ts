import { describe, expect, it } from "vitest";
import { createMarker } from "./marker.ts";
import { type Findings, judge } from "./verdict.ts";

const secret = createMarker();
const control = createMarker();

function findings(found: {
  readonly controlInTap: number;
  readonly controlOnBox: number;
  readonly secretInTap: number;
  readonly secretOnBox: number;
}): Findings {
  const hits = new Map([
    [secret, found.secretOnBox],
    [control, found.controlOnBox],
  ]);
  const inTap = (marker: typeof secret): number =>
    marker === secret ? found.secretInTap : found.controlInTap;
  return { secret, control, tap: { hits: inTap }, box: { hits } };
}

const asPromised = { controlInTap: 1, controlOnBox: 1, secretInTap: 0, secretOnBox: 0 };

describe("verdict", () => {
  it("passes only where the control is found in both places and what members wrote in none", () => {
    expect(() => judge(findings(asPromised))).not.toThrow();
  });

  it.each([
    ["a blind tap", { controlInTap: 0 }, "the tap is blind"],
    ["a blind search of the box", { controlOnBox: 0 }, "the search is blind"],
    ["plaintext inside TLS", { secretInTap: 2 }, "found 2 times"],
    ["plaintext on the box", { secretOnBox: 1 }, "found 1 times"],
  ])("fails for %s", (_name, change, text) => {
    expect(() => judge(findings({ ...asPromised, ...change }))).toThrow(text);
  });

  it("fails where the box was not searched for what members wrote", () => {
    const blind = { ...findings(asPromised), box: { hits: new Map([[control, 1]]) } };
    expect(() => judge(blind)).toThrow("not searched");
  });
});
