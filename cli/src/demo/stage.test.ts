import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { formatMs, Stage } from "./stage.ts";

function played(): { readonly stage: Stage; readonly shown: () => string } {
  const out = new PassThrough();
  let text = "";
  out.on("data", (chunk: Buffer) => {
    text += chunk.toString("utf8");
  });
  return { stage: new Stage(out), shown: () => text };
}

describe("stage", () => {
  it("shows each step with its time and what it found", async () => {
    const { stage, shown } = played();
    stage.scene("Act one");
    expect(
      await stage.step(
        "a step",
        async () => 2,
        (found) => `${found} things`,
      ),
    ).toBe(2);
    expect(shown()).toMatch(/^\nAct one\n +\d+ ms {2}a step: 2 things\n$/);
  });

  it("names the step that fails, and throws on", async () => {
    const { stage, shown } = played();
    const failing = stage.step("a step", () => Promise.reject(new Error("broken")));
    await expect(failing).rejects.toThrow("broken");
    expect(shown()).toMatch(/FAILED {2}a step\n$/);
  });

  it("a step whose finding cannot be told fails too", async () => {
    const { stage, shown } = played();
    const telling = stage.step(
      "a step",
      async () => 1,
      () => {
        throw new Error("not as promised");
      },
    );
    await expect(telling).rejects.toThrow("not as promised");
    expect(shown()).toContain("FAILED");
  });

  it("tells times in milliseconds below a second", () => {
    expect([4.4, 999, 1234].map(formatMs)).toEqual(["4 ms", "999 ms", "1.23 s"]);
  });
});
