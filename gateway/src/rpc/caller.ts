import type { OrgId, Verified } from "@cloister/base";
import type { DeviceView, InviteView, OrgState, SessionView } from "@cloister/rules";
import { gatewayErrors } from "../errors.ts";

/** The org as its log stood when the call was admitted; at least as far as the caller knows it. */
export interface OrgView {
  readonly org: OrgId;
  readonly state: OrgState;
  /** Size of the log. */
  readonly at: number;
}

/** Who has proved to call. Handlers take what they need by the functions below. */
export type Caller =
  | { readonly kind: "public"; readonly address: string }
  | { readonly kind: "invitation"; readonly view: OrgView; readonly invite: InviteView }
  | { readonly kind: "device"; readonly view: OrgView; readonly device: DeviceView }
  | SessionCaller;

export interface SessionCaller {
  readonly kind: "session";
  readonly view: OrgView;
  readonly device: DeviceView;
  readonly session: Verified<SessionView>;
}

export type OrgCaller = Exclude<Caller, { readonly kind: "public" }>;

export function requirePublic(caller: Caller): Extract<Caller, { kind: "public" }> {
  if (caller.kind !== "public") throw wrongCaller();
  return caller;
}

export function requireOrg(caller: Caller): OrgCaller {
  if (caller.kind === "public") throw wrongCaller();
  return caller;
}

export function requireInvitation(caller: Caller): Extract<Caller, { kind: "invitation" }> {
  if (caller.kind !== "invitation") throw wrongCaller();
  return caller;
}

export function requireDevice(caller: Caller): Extract<Caller, { kind: "device" }> {
  if (caller.kind !== "device") throw wrongCaller();
  return caller;
}

export function requireSession(caller: Caller): SessionCaller {
  if (caller.kind !== "session") throw wrongCaller();
  return caller;
}

/** The middleware has checked it; a handler behind the wrong access rule still refuses. */
function wrongCaller(): Error {
  return gatewayErrors.ERR_METHOD_ACCESS("this method was registered under another access rule");
}
