import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { missingEntries, platformOf } from "./complete-lock.ts";
import { root } from "./run.ts";

const text = readFileSync(join(root, "package-lock.json"), "utf8");

describe("the lock file", () => {
  test("names every platform's build, or npm ci refuses: `npm run lock` adds them", () => {
    expect(Object.keys(missingEntries(JSON.parse(text).packages))).toEqual([]);
  });

  test("names no registry", () => {
    expect(text).not.toMatch(/"resolved": "[a-z+]+:\/\//);
  });

  test("reads the platform from a name", () => {
    expect(platformOf("@x/binding-linux-x64-musl")).toEqual({
      os: ["linux"],
      cpu: ["x64"],
      libc: ["musl"],
    });
    expect(platformOf("@x/tool-linux-armv7")).toEqual({ os: ["linux"], cpu: ["arm"] });
    expect(platformOf("@x/binding-android-arm-eabi")).toEqual({ os: ["android"], cpu: ["arm"] });
    expect(() => platformOf("@x/addon")).toThrow(/platform/);
  });
});
