import { idBytes, newStatementId, SecretBytes, type Signer } from "@cloister/base";
import { bodies, buildStatement, inviteAt, signStatement, verifyCheckpoint } from "@cloister/rules";
import { clientErrors } from "../errors.ts";
import { createGatewayCaller, type GatewayCaller } from "../gateway/call.ts";
import { fetchWholeLog, gatewayLog } from "../log/fetch.ts";
import { type LogState, meetCheckpoint } from "../log/keeper.ts";
import { encodeStored } from "../store/frame.ts";
import { storeKeys } from "../store/keys.ts";
import { openSealedStore, type SealedStore } from "../store/seal-store.ts";
import { ownIdentity, refuseSecondIdentity, viewOf } from "./identity.ts";
import { type Invitation, parseGatewayUrl, parseInvitation } from "./invitation.ts";
import { keepIdentity } from "./keep-identity.ts";
import { createSigner } from "./keys.ts";
import { accountSigner, certificateFact, newAccount, SEED_BYTES } from "./new-account.ts";
import { type PendingIdentity, readPending, writePending } from "./pending-identity.ts";
import type { AcceptOptions, IdentityView, SetupPorts } from "./setup-types.ts";

const service = "cloister.gateway.v1.GatewayService";

/** Accepts an invitation: a new account with its first device, registered by the log. */
export async function acceptInvitation(
  ports: SetupPorts,
  options: AcceptOptions,
): Promise<IdentityView> {
  const store = await openSealedStore(ports);
  await refuseSecondIdentity(store);
  using invitation = parseInvitation(options.invitation);
  const url = parseGatewayUrl(options.gatewayUrl ?? invitation.gatewayUrl);
  const gateway = createGatewayCaller(ports, { url, caSha256: invitation.caSha256 });
  const signer = createSigner("invitation", invitation.secret, ports.crypto);
  const caller = { kind: "invitation", invite: invitation.inviteId, signer } as const;
  const log = await readInvitedLog(ports, { gateway, invitation, caller });
  const kept = await readPending(store, idBytes(invitation.inviteId));
  const joining =
    kept ?? (await prepareJoining(ports, store, { invitation, signer, log, url, options }));
  using identity = joining.identity;
  await gateway.call({
    method: `${service}/Register`,
    request: { statement: joining.statement },
    caller,
    org: invitation.orgId,
    checkpoint: log.newest.signed,
  });
  await keepIdentity(ports, { store, identity, gateway });
  return viewOf(identity);
}

/** The org must be the one named, and its log must hold what the inviter had seen (rule 1). */
async function readInvitedLog(
  ports: SetupPorts,
  invited: {
    readonly gateway: GatewayCaller;
    readonly invitation: Invitation;
    readonly caller: Parameters<typeof gatewayLog>[2];
  },
): Promise<LogState> {
  const { gateway, invitation, caller } = invited;
  const { orgId: org, checkpoint } = invitation;
  const source = gatewayLog(gateway, org, caller);
  const { verify, sha256 } = ports.crypto;
  const { state } = await fetchWholeLog(source, {
    org,
    known: undefined,
    checkpoint,
    verify,
    sha256,
  });
  const seen = verifyCheckpoint(state.replica.state, checkpoint);
  const { step, isAhead } = meetCheckpoint(state, seen);
  if (step.kind === "conflict") throw step.error;
  if (isAhead) {
    throw clientErrors.ERR_VERIFICATION_LOG_ROLLBACK(
      "the server's log is older than the invitation",
    );
  }
  return state;
}

async function prepareJoining(
  ports: SetupPorts,
  store: SealedStore,
  joining: {
    readonly invitation: Invitation;
    readonly signer: Signer<"invitation">;
    readonly log: LogState;
    readonly url: string;
    readonly options: AcceptOptions;
  },
): Promise<PendingIdentity> {
  const { invitation, signer, log, url, options } = joining;
  const { state } = log.replica;
  const draft = newAccount(ports, options.personName);
  const account = accountSigner(ports, draft.accountSeed);
  const body = bodies.inviteAccepted({
    invite: invitation.inviteId,
    account: draft.accountId,
    accountKey: account.publicKey,
    device: certificateFact(draft.certificate),
  });
  const unsigned = buildStatement(state, { id: newStatementId(ports.random), body });
  const statement = await signStatement(unsigned, [signer, account]);
  const identity = ownIdentity({
    ...draft,
    orgId: invitation.orgId,
    orgName: state.genesis.orgName,
    gatewayUrl: url,
    caSha256: invitation.caSha256,
    logKey: state.genesis.logKey,
  });
  // No recovery key here; the row has one shape.
  const recovery = SecretBytes.from(new Uint8Array(SEED_BYTES));
  const kept = { identity, recovery, statement };
  await writePending(store, idBytes(invitation.inviteId), kept);
  await keepNames(store, invitation, log);
  return kept;
}

/** What the invitation calls people and rooms, until they say it themselves. */
async function keepNames(
  store: SealedStore,
  invitation: Invitation,
  { replica: { state, size: at } }: LogState,
): Promise<void> {
  const issuer = inviteAt(state, { invite: invitation.inviteId, at })?.issuer;
  const header = {
    people: issuer === undefined ? [] : [[issuer, invitation.inviterName]],
    rooms: invitation.rooms.map(({ room, name }) => [room, name]),
  };
  await store.transaction({
    puts: [{ key: storeKeys.names, value: encodeStored(header) }],
    deletes: [],
  });
}
