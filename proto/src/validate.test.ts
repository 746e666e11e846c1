import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SignInRequest } from "../gen/cloister/gateway/v1/gateway.ts";
import { RoomRecord } from "../gen/cloister/rooms/v1/rooms.ts";
import { Statement } from "../gen/cloister/statements/v1/statements.ts";
import { messages } from "../gen/messages.ts";
import { type MessageName, parseMessage, validate } from "./validate.ts";

const signIn = "cloister.gateway.v1.SignInRequest";
const names = Object.keys(messages) as MessageName[];

describe("rules on the bytes of the wire", () => {
  test("a good message passes and decodes", () => {
    const sessionKey = new Uint8Array(32).fill(3);
    const bytes = SignInRequest.encode({ sessionKey }).finish();
    expect(parseMessage(signIn, bytes).sessionKey).toEqual(sessionKey);
  });

  test("[F42] a broken rule is refused and names the field, never the value", () => {
    const bytes = SignInRequest.encode({ sessionKey: new Uint8Array(31).fill(0x41) }).finish();
    expect(() => parseMessage(signIn, bytes)).toThrow(
      expect.objectContaining({
        code: "ERR_MESSAGE_INVALID",
        kind: "Codec",
        message: expect.stringContaining("session_key"),
      }),
    );
    expect(() => parseMessage(signIn, bytes)).not.toThrow(/AAAA|65,65|QUFB/);
    expect(() => validate(signIn, new Uint8Array(0))).toThrow(/session_key/);
  });

  test("the limit is checked before anything is read", () => {
    expect(() => validate(signIn, new Uint8Array(512_001))).toThrow(
      expect.objectContaining({ code: "ERR_MESSAGE_TOO_LARGE", kind: "Limit" }),
    );
    expect(() => validate(signIn, new Uint8Array(35), 34)).toThrow(/at most 34/);
  });

  test("unknown fields survive", () => {
    const known = SignInRequest.encode({ sessionKey: new Uint8Array(32) }).finish();
    const bytes = Uint8Array.of(...known, 0xfa, 0x3e, 2, 7, 9);
    expect(SignInRequest.encode(parseMessage(signIn, bytes)).finish()).toEqual(bytes);
  });

  test("malformed bytes to every message: a typed error or a message, nothing else", () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.uint8Array({ maxLength: 300 }), (name, bytes) => {
        try {
          parseMessage(name, bytes);
        } catch (error) {
          expect(error).toMatchObject({ kind: "Codec" });
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("a length that promises more than there is allocates nothing", () => {
    const huge = Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f);
    for (const name of names) {
      expect(() => parseMessage(name, huge)).toThrow(/not a |must/);
    }
  });

  test("[F42] a field that stands twice is held to the rules as it is used, not as it merges", () => {
    const statement = (natsSigningKey: Uint8Array) =>
      Statement.encode({
        statementId: new Uint8Array(16),
        checkpointSize: 1n,
        checkpointRoot: new Uint8Array(32),
        changesVersion: 0n,
        criticalVersion: 1,
        deviceId: new Uint8Array(16),
        body: {
          $case: "gatewaySet",
          value: { gatewayKey: new Uint8Array(32), natsSigningKey, revoked: false },
        },
      }).finish();
    const whole = statement(new Uint8Array(32));
    const name = "cloister.statements.v1.Statement";
    expect(parseMessage(name, whole).body?.$case).toBe("gatewaySet");
    // To one parser the key of the first, to the other that of the second: none.
    const twice = Uint8Array.of(...whole, ...statement(new Uint8Array(0)));
    expect(() => parseMessage(name, twice)).toThrow(/nats_signing_key/);
    expect(() => parseMessage(name, Uint8Array.of(...whole, ...whole))).not.toThrow();
  });

  test("an empty oneof is no record", () => {
    expect(parseMessage("cloister.rooms.v1.RoomRecord", new Uint8Array(0)).content).toBe(undefined);
    expect(RoomRecord.decode(new Uint8Array(0)).content).toBe(undefined);
  });
});
