import { defineErrors, fileIdFromBytes, orgIdFromBytes, roomIdFromBytes } from "@cloister/base";
import { describe, expect, test } from "vitest";
import { methods } from "../gen/methods.ts";
import { encodeRequest, isMethodName, methodRule, parseMethodName } from "./methods.ts";
import { accountNkeyFromBytes, nkeyBytes, parseUserNkey, userNkeyFromBytes } from "./nkey.ts";
import { encodeErrorReply, encodeReply, parseReply } from "./reply.ts";
import * as subjects from "./subjects.ts";
import { parseMessage } from "./validate.ts";

const counting = Uint8Array.from({ length: 32 }, (_, index) => index);
const errors = defineErrors({ ERR_POLICY_FACTOR_MISSING: { kind: "Policy", hint: "Present it." } });

describe("methods", () => {
  test("[F41] every method says who may call it", () => {
    expect(Object.keys(methods).length).toBeGreaterThan(20);
    for (const { access } of Object.values(methods)) {
      expect(access).toMatch(/^ACCESS_(?!UNSPECIFIED)/);
    }
  });

  test("an unknown name is refused, those of every object too", () => {
    expect(methodRule(parseMethodName("cloister.gateway.v1.GatewayService/SignIn")).access).toBe(
      "ACCESS_DEVICE",
    );
    for (const name of ["toString", "__proto__", "", "cloister.gateway.v1.GatewayService/Nope"]) {
      expect(isMethodName(name)).toBe(false);
      expect(() => parseMethodName(name)).toThrow(/no such method/);
    }
  });

  test("a request encodes by its method", () => {
    const request = { sessionKey: counting };
    const bytes = encodeRequest("cloister.gateway.v1.GatewayService/SignIn", request);
    expect(parseMessage("cloister.gateway.v1.SignInRequest", bytes).sessionKey).toEqual(counting);
  });
});

describe("the error envelope", () => {
  test("payload and error come back as they were", () => {
    expect(parseReply(encodeReply(counting))).toEqual(counting);
    const error = errors.ERR_POLICY_FACTOR_MISSING("the room wants TOTP", {
      details: { factor: "totp" },
    });
    expect(() => parseReply(encodeErrorReply(error))).toThrow(
      expect.objectContaining({
        kind: "Policy",
        code: "ERR_POLICY_FACTOR_MISSING",
        message: "the room wants TOTP",
        hint: "Present it.",
        details: { factor: "totp" },
      }),
    );
  });

  test("a foreign error tells nothing; an empty answer refuses", () => {
    const bytes = encodeErrorReply(new Error("the key is 00ff"));
    expect(Buffer.from(bytes).toString("latin1")).not.toContain("00ff");
    expect(() => parseReply(bytes)).toThrow(expect.objectContaining({ code: "ERR_INTERNAL" }));
    expect(() => parseReply(new Uint8Array(0))).toThrow(
      expect.objectContaining({ code: "ERR_REPLY_EMPTY" }),
    );
  });

  test("a message beyond the envelope's limit is cut, not refused", () => {
    const bytes = encodeErrorReply(errors.ERR_POLICY_FACTOR_MISSING("é".repeat(5000)));
    expect(() => parseReply(bytes)).toThrow(expect.objectContaining({ kind: "Policy" }));
  });
});

describe("nkeys and subjects", () => {
  test("as nats-io/nkeys writes them", () => {
    expect(userNkeyFromBytes(counting)).toBe(
      "UAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB63NN",
    );
    expect(accountNkeyFromBytes(counting)).toBe(
      "AAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB776S",
    );
    expect(nkeyBytes(userNkeyFromBytes(counting))).toEqual(counting);
  });

  test("another role, checksum, case or length is refused", () => {
    const nkey = userNkeyFromBytes(counting);
    const account = accountNkeyFromBytes(counting);
    const wrongSum = `${nkey.slice(0, -1)}${nkey.endsWith("A") ? "B" : "A"}`;
    for (const text of [account, wrongSum, nkey.toLowerCase(), `${nkey}A`, "U.>", "*", ""]) {
      expect(() => parseUserNkey(text)).toThrow(/nkey/);
    }
  });

  test("subjects as docs/protocol.md freezes them", () => {
    const org = orgIdFromBytes(counting);
    const room = roomIdFromBytes(counting.subarray(0, 16));
    const file = fileIdFromBytes(counting.subarray(0, 16));
    const sender = userNkeyFromBytes(counting);
    expect(subjects.logSubject(org)).toBe(`log.${org}`);
    expect(subjects.handshakeSubject(org, room)).toBe(`hs.${org}.${room}`);
    expect(subjects.roomSubject(room, sender)).toBe(`room.${room}.${sender}`);
    expect(subjects.fenceSubject(room)).toBe(`room.${room}.fence`);
    expect(subjects.roomFilter(room)).toBe(`room.${room}.>`);
    const chunk = { room, sender, file, index: 7 };
    expect(subjects.fileChunkSubject(chunk)).toBe(`file.${room}.${sender}.${file}.7`);
    expect(subjects.fileFilter(chunk)).toBe(`file.${room}.${sender}.${file}.*`);
    expect(subjects.deliverySubject(sender, "GetLog")).toBe(`ds.v1.${sender}.GetLog`);
    expect(subjects.accountsSubject("Submit")).toBe("accounts.v1.Submit");
    expect(subjects.inboxPrefix(sender)).toBe(`_INBOX.${sender}`);
    expect(subjects.roomTag(room)).toBe(`room:${room}`);
  });
});
