import type { OrgId, PublicKey } from "@cloister/base";
import type { MethodAccess, MethodName } from "@cloister/proto";
import {
  compareCheckpoint,
  type LogReplica,
  type RequestCaller,
  type RequestEnvelope,
  rulesErrors,
  verifyCheckpoint,
  verifyRequest,
} from "@cloister/rules";
import { gatewayErrors } from "../errors.ts";
import type { GatewayParts } from "../gateway-parts.ts";
import { LOG_WAIT_MS } from "../limits.ts";
import type { Caller, OrgCaller, OrgView } from "./caller.ts";

export interface AdmissionInput {
  /** Encoded SignedRequest, as it came. */
  readonly bytes: Uint8Array;
  readonly envelope: RequestEnvelope;
  readonly access: MethodAccess;
  readonly method: MethodName;
  readonly address: string;
}

type AdmissionParts = Pick<GatewayParts, "clock" | "logs" | "nonces" | "rates">;

/**
 * Who calls, or a refusal: the one gate before every handler. In order: the org's log at least as
 * far as the caller knows it; method, time and signature by the rules; that this kind of caller may
 * call the method; how often; and the nonce last, so that only a request that would be served burns one.
 */
export async function admit(parts: AdmissionParts, input: AdmissionInput): Promise<Caller> {
  if (input.access === "ACCESS_PUBLIC") return admitPublic(input);
  const { org, request } = input.envelope;
  const view = await viewFor(parts, org, request.checkpoint);
  const { caller, nonce } = verifyRequest(view.state, {
    request: input.bytes,
    method: input.method,
    at: view.at,
    nowMs: parts.clock.now(),
  });
  checkAccess(input.access, caller.kind);
  const { known, signer, limitKey } = describe(caller, view);
  await parts.rates.take("caller", limitKey);
  await parts.nonces.burn({ org: view.org, signer, nonce });
  return known;
}

/** Open to everybody, whatever their clock: but a request made for one method is for no other. */
function admitPublic({ envelope, method, address }: AdmissionInput): Caller {
  if (envelope.request.method !== method) {
    throw rulesErrors.ERR_VERIFICATION_REQUEST_METHOD("a request for another method");
  }
  return { kind: "public", address };
}

async function viewFor(
  parts: AdmissionParts,
  org: OrgId | undefined,
  checkpoint: Uint8Array,
): Promise<OrgView> {
  const replica = org === undefined ? undefined : parts.logs.replica(org);
  if (org === undefined || replica === undefined) {
    throw gatewayErrors.ERR_VERIFICATION_ORG_UNKNOWN("this gateway knows no such org");
  }
  const reached = await reach(parts, { org, replica, checkpoint });
  return { org, state: reached.state, at: reached.size };
}

/**
 * The log as far as the caller has seen it: what it was told elsewhere, it is judged by here. A head
 * that our log does not have at that size is a fork, and refused; either side may be the liar.
 */
async function reach(
  parts: AdmissionParts,
  input: { readonly org: OrgId; readonly replica: LogReplica; readonly checkpoint: Uint8Array },
): Promise<LogReplica> {
  const { org, replica } = input;
  if (input.checkpoint.length === 0) return replica;
  const checkpoint = verifyCheckpoint(replica.state, input.checkpoint);
  if (compareCheckpoint(replica, checkpoint) === "known") return replica;
  const newer = await parts.logs.waitForSize(org, checkpoint.size, { timeoutMs: LOG_WAIT_MS });
  compareCheckpoint(newer, checkpoint);
  return newer;
}

const kindsByAccess: Readonly<Partial<Record<MethodAccess, readonly RequestCaller["kind"][]>>> = {
  ACCESS_INVITATION: ["invitation"],
  ACCESS_DEVICE: ["device"],
  ACCESS_SESSION: ["session"],
  ACCESS_DEVICE_OR_INVITATION: ["device", "invitation"],
};

/** An access rule that is not in the table lets nobody in. */
function checkAccess(access: MethodAccess, kind: RequestCaller["kind"]): void {
  const kinds = kindsByAccess[access] ?? [];
  if (kinds.includes(kind)) return;
  const wanted = kinds.join(" or ");
  throw gatewayErrors.ERR_VERIFICATION_CALLER(`this method is for a ${wanted}, not for a ${kind}`, {
    hint: wanted === "session" ? "sign in, then call with the session" : `call as ${wanted}`,
    details: { wanted, kind },
  });
}

interface Described {
  readonly known: OrgCaller;
  readonly signer: PublicKey;
  readonly limitKey: string;
}

function describe(caller: RequestCaller, view: OrgView): Described {
  switch (caller.kind) {
    case "session": {
      const { session } = caller;
      const { device, sessionKey: signer } = session;
      const known = { kind: "session", view, device, session } as const;
      return { known, signer, limitKey: limitKey(view, session.account) };
    }
    case "device": {
      const { device } = caller;
      const { statementKey: signer, account } = device.certificate;
      return { known: { kind: "device", view, device }, signer, limitKey: limitKey(view, account) };
    }
    case "invitation": {
      const { invite } = caller;
      const known = { kind: "invitation", view, invite } as const;
      return { known, signer: invite.inviteKey, limitKey: limitKey(view, invite.invite) };
    }
    default:
      throw caller satisfies never;
  }
}

function limitKey({ org }: OrgView, who: string): string {
  return `${org}/${who}`;
}
