import {
  type EpochMs,
  equalBytes,
  formatBase64Url,
  type InviteId,
  idBytes,
  inviteIdFromBytes,
  type OrgId,
  orgIdFromBytes,
  parseBase64Url,
  parseEpochMs,
  parseRoomId,
  parseUtf8,
  type RoomId,
  SecretBytes,
  sha256,
  utf8Bytes,
} from "@cloister/base";
import { clientErrors } from "../errors.ts";
import { MAX_INVITATION_CHARS } from "../limits.ts";
import { fieldsOf, isRecord, storedBytes } from "../store/frame.ts";
import type { InvitationView } from "./setup-types.ts";

/** All that travels from an owner to an invitee, by hand or QR code: never by server or mailer. */
export interface Invitation extends Disposable {
  readonly gatewayUrl: string;
  readonly caSha256: Uint8Array | undefined;
  readonly orgId: OrgId;
  readonly orgName: string;
  /** Encoded Signed "checkpoint": the log that the invitee is shown must hold it. */
  readonly checkpoint: Uint8Array;
  readonly inviteId: InviteId;
  /** Seed of the invitation key (Ed25519). */
  readonly secret: SecretBytes;
  readonly inviterName: string;
  readonly rooms: readonly { readonly room: RoomId; readonly name: string }[];
  readonly expiresAt: EpochMs;
}

const scheme = "cloister-invite:v1#";
const CHECKSUM_BYTES = 4;

/**
 * `cloister-invite:v1#` base64url(JSON ‖ first 4 bytes of its SHA-256). Everything stands in the
 * fragment, which no browser sends to a server.
 */
export function formatInvitation(invitation: Invitation): string {
  const json = utf8Bytes(
    JSON.stringify({
      gateway: invitation.gatewayUrl,
      ca: invitation.caSha256 === undefined ? null : storedBytes(invitation.caSha256),
      org: storedBytes(idBytes(invitation.orgId)),
      orgName: invitation.orgName,
      checkpoint: storedBytes(invitation.checkpoint),
      invite: storedBytes(idBytes(invitation.inviteId)),
      secret: invitation.secret.expose((bytes) => storedBytes(bytes)),
      by: invitation.inviterName,
      rooms: invitation.rooms.map(({ room, name }) => [room, name]),
      expires: String(invitation.expiresAt),
    }),
  );
  const bytes = new Uint8Array(json.length + CHECKSUM_BYTES);
  bytes.set(json);
  bytes.set(sha256(json).subarray(0, CHECKSUM_BYTES), json.length);
  return scheme + formatBase64Url(bytes);
}

/** Untrusted text; the log decides what the invitation is worth. */
export function parseInvitation(text: string): Invitation {
  const trimmed = text.trim();
  if (trimmed.length > MAX_INVITATION_CHARS || !trimmed.startsWith(scheme)) throw malformed();
  try {
    return invitationOf(checked(parseBase64Url(trimmed.slice(scheme.length))));
  } catch (cause) {
    throw malformed(cause);
  }
}

function checked(bytes: Uint8Array): Uint8Array {
  const json = bytes.subarray(0, bytes.length - CHECKSUM_BYTES);
  const checksum = bytes.subarray(bytes.length - CHECKSUM_BYTES);
  if (!equalBytes(sha256(json).subarray(0, CHECKSUM_BYTES), checksum)) throw malformed();
  return json;
}

function invitationOf(json: Uint8Array): Invitation {
  const value: unknown = JSON.parse(parseUtf8(json));
  if (!isRecord(value)) throw malformed();
  const fields = fieldsOf(value);
  const secret = SecretBytes.from(fields.bytes("secret"));
  if (secret.lengthBytes !== 32) throw malformed();
  return {
    gatewayUrl: parseGatewayUrl(fields.text("gateway")),
    caSha256: fields.optionalBytes("ca"),
    orgId: orgIdFromBytes(fields.bytes("org")),
    orgName: fields.text("orgName").slice(0, 128),
    checkpoint: fields.bytes("checkpoint"),
    inviteId: inviteIdFromBytes(fields.bytes("invite")),
    secret,
    inviterName: fields.text("by").slice(0, 128),
    rooms: fields.list("rooms").map(parseRoomName),
    expiresAt: parseEpochMs(fields.bigint("expires")),
    [Symbol.dispose]: () => secret[Symbol.dispose](),
  };
}

function parseRoomName(entry: unknown): { readonly room: RoomId; readonly name: string } {
  if (!Array.isArray(entry)) throw malformed();
  const [room, name]: unknown[] = entry;
  if (typeof room !== "string" || typeof name !== "string") throw malformed();
  return { room: parseRoomId(room), name: name.slice(0, 128) };
}

/** `https://host[:port]` and nothing else, so that a path or user name cannot mislead. */
export function parseGatewayUrl(text: string): string {
  if (!/^https:\/\/(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?\/?$/.test(text)) {
    throw clientErrors.ERR_INVITATION_MALFORMED("not the https URL of a gateway");
  }
  return text.replace(/\/$/, "");
}

/** What an invitation says, without using it. */
export function readInvitation(text: string): InvitationView {
  using invitation = parseInvitation(text);
  return viewInvitation(invitation);
}

function viewInvitation(invitation: Invitation): InvitationView {
  return {
    orgId: invitation.orgId,
    orgName: invitation.orgName,
    inviterName: invitation.inviterName,
    roomNames: invitation.rooms.map(({ name }) => name),
    gatewayUrl: invitation.gatewayUrl,
    expiresAt: invitation.expiresAt,
  };
}

function malformed(cause?: unknown): Error {
  return clientErrors.ERR_INVITATION_MALFORMED("this is not a whole invitation", { cause });
}
