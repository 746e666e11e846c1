import { newInviteId, newRoomId, orgIdFromBytes, parseEpochMs, SecretBytes } from "@cloister/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatInvitation,
  parseGatewayUrl,
  parseInvitation,
  readInvitation,
} from "./invitation.ts";

const random = { bytes: (length: number) => new Uint8Array(length).fill(3) };
const invitation = {
  gatewayUrl: "https://box.example:8443",
  caSha256: new Uint8Array(32).fill(1),
  orgId: orgIdFromBytes(new Uint8Array(32).fill(2)),
  orgName: "Org",
  checkpoint: new Uint8Array(100).fill(4),
  inviteId: newInviteId(random),
  secret: SecretBytes.from(new Uint8Array(32).fill(5)),
  inviterName: "Alice",
  rooms: [{ room: newRoomId(random), name: "den" }],
  expiresAt: parseEpochMs(1_800_000_000_000),
  [Symbol.dispose]: () => undefined,
};

describe("an invitation", () => {
  it("says the same after it has travelled", () => {
    const text = formatInvitation(invitation);
    using read = parseInvitation(` ${text}\n`);
    expect(read).toMatchObject({
      gatewayUrl: invitation.gatewayUrl,
      orgId: invitation.orgId,
      inviteId: invitation.inviteId,
      rooms: invitation.rooms,
      checkpoint: invitation.checkpoint,
    });
    expect(read.secret.equals(invitation.secret)).toBe(true);
    expect(readInvitation(text)).not.toHaveProperty("secret");
  });

  it("stands in a fragment, which no browser sends to a server", () => {
    const url = new URL(formatInvitation(invitation));
    expect(url.protocol).toBe("cloister-invite:");
    expect(`${url.pathname}${url.search}`).toBe("v1");
    expect(url.hash.length).toBeGreaterThan(100);
  });

  it("refuses every text with a missing or changed character, and anything else", () => {
    const text = formatInvitation(invitation);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: text.length - 1 }), (at) => {
        const cut = text.slice(0, at) + text.slice(at + 1);
        const changed = `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`;
        expect(() => parseInvitation(cut)).toThrow(/invitation|gateway/);
        expect(() => parseInvitation(changed)).toThrow(/invitation|gateway/);
      }),
    );
    fc.assert(
      fc.property(fc.string(), (noise) => {
        expect(() => parseInvitation(`cloister-invite:v1#${noise}`)).toThrow(/invitation|gateway/);
      }),
    );
  });

  it.each([
    "http://box",
    "https://u:p@box",
    "https://box/path",
    "https://box?x",
    "javascript:1",
    "",
  ])("refuses %s as a gateway", (url) => {
    expect(() => parseGatewayUrl(url)).toThrow(/invitation|gateway/);
  });
});
