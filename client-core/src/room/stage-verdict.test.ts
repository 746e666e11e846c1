import { describe, expect, test } from "vitest";
import { stageVerdict } from "./stage-verdict.ts";

describe("[F45] what the engine refuses is void only for a reason that every member shares", () => {
  test.each([
    "engine.limit",
    "group.suite-unsupported",
    "message.malformed",
    "message.refused",
    "message.sender-unknown",
    "message.signature-invalid",
    "message.tag-invalid",
    "message.unsupported",
    "message.wrong-epoch",
    "message.wrong-group",
    "message.wrong-kind",
  ])("%s is void", (code) => {
    expect(stageVerdict({ code, isOwn: false })).toBe("void");
  });

  test("a commit of this device's own that it does not know is good for everybody else", () => {
    expect(stageVerdict({ code: "message.refused", isOwn: true })).toBe("lost");
    expect(stageVerdict({ code: "message.tag-invalid", isOwn: true })).toBe("void");
  });

  test.each([
    "commit.path-undecryptable",
    "engine.usage",
    "group.inactive",
    "group.no-pending-commit",
    "group.not-found",
    "message.decryption-failed",
    "message.own",
    "message.replayed",
    "store.corrupt",
    "a code of a newer engine",
  ])("%s says nothing about the handshake: the device joins anew", (code) => {
    expect(stageVerdict({ code, isOwn: false })).toBe("lost");
  });

  test("what is staged already is dropped, and the handshake looked at again", () => {
    expect(stageVerdict({ code: "group.pending-commit", isOwn: false })).toBe("busy");
    expect(stageVerdict({ code: "group.pending-commit", isOwn: true })).toBe("busy");
  });
});
