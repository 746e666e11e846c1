import {
  type AccountId,
  accountIdFromBytes,
  deviceIdFromBytes,
  type EpochMs,
  formatBase32,
  idBytes,
  newAccountId,
  newDeviceId,
  newStatementId,
  parseEpochMs,
  publicKeyFromBytes,
  randomBytes,
  SecretBytes,
  type Signer,
} from "@cloister/base";
import { type gatewayV1, type statementsV1, userNkeyFromBytes } from "@cloister/proto";
import {
  type Body,
  bodies,
  buildGenesis,
  buildStatement,
  type Certificate,
  gatewayAt,
  relayAt,
  signStatement,
  verifyCheckpoint,
} from "@cloister/rules";
import { clientErrors } from "../errors.ts";
import { createGatewayCaller, type GatewayCaller } from "../gateway/call.ts";
import { fetchWholeLog, gatewayLog } from "../log/fetch.ts";
import { type LogState, meetCheckpoint } from "../log/keeper.ts";
import { encodeStored, fieldsOf, parseStored, storedBytes } from "../store/frame.ts";
import { storeKeys } from "../store/keys.ts";
import { openSealedStore, type SealedStore } from "../store/seal-store.ts";
import {
  encodeIdentity,
  type Identity,
  ownIdentity,
  parseIdentity,
  readIdentity,
  refuseSecondIdentity,
  viewOf,
} from "./identity.ts";
import { type Invitation, parseGatewayUrl, parseInvitation } from "./invitation.ts";
import { certificateOf, createDeviceKeys, createSigner, rawPublicKey } from "./keys.ts";
import type {
  AcceptOptions,
  CreatedOrg,
  CreateOrgOptions,
  DeviceLink,
  IdentityView,
  PreparedDevice,
  Setup,
  SetupPorts,
} from "./setup-types.ts";

const service = "cloister.gateway.v1.GatewayService";
const SEED_BYTES = 32;

async function loadIdentity(
  ports: Pick<SetupPorts, "store" | "storeKey" | "crypto" | "random">,
): Promise<IdentityView | undefined> {
  using identity = await readIdentity(await openSealedStore(ports));
  return identity === undefined ? undefined : viewOf(identity);
}

/** Founds an org on a box that awaits one, and authorises its gateway and relay. */
async function createOrg(ports: SetupPorts, options: CreateOrgOptions): Promise<CreatedOrg> {
  const store = await openSealedStore(ports);
  await refuseSecondIdentity(store);
  const url = parseGatewayUrl(options.gatewayUrl);
  const gateway = createGatewayCaller(ports, { url, caSha256: options.caSha256 });
  const reserved = await gateway.call({
    method: `${service}/ReserveOrg`,
    request: { claimSecret: options.claimSecret },
    caller: { kind: "public" },
    org: undefined,
  });
  const founding = await prepareFounding(ports, store, { options, url, reserved });
  using identity = founding.identity;
  using recovery = founding.recovery;
  await gateway.call({
    method: `${service}/CreateOrg`,
    request: { claimSecret: options.claimSecret, genesis: founding.genesis },
    caller: { kind: "public" },
    org: undefined,
  });
  const log = await keepIdentity(ports, { store, identity, gateway });
  await authoriseServices(ports, { store, identity, gateway, log, reserved });
  const publicKey = publicKeyFromBytes("recovery", rawPublicKey(recovery, ports.crypto));
  const secretText = recovery.expose((seed) => `cloister-recovery:v1#${formatBase32(seed)}`);
  return { ...viewOf(identity), recovery: { publicKey, secretText } };
}

interface Founding {
  readonly identity: Identity;
  readonly recovery: SecretBytes;
  /** Encoded SignedStatement. */
  readonly genesis: Uint8Array;
}

/** Kept before it is sent: a broken-off founding goes on with the same genesis. */
async function prepareFounding(
  ports: SetupPorts,
  store: SealedStore,
  founding: {
    readonly options: CreateOrgOptions;
    readonly url: string;
    readonly reserved: gatewayV1.ReserveOrgResponse;
  },
): Promise<Founding> {
  const { options, url, reserved } = founding;
  const kept = await readPending(store, reserved.logKey);
  if (kept !== undefined) return kept;
  const recovery = SecretBytes.random(ports.random, SEED_BYTES);
  const recoveryKey = publicKeyFromBytes("recovery", rawPublicKey(recovery, ports.crypto));
  const draft = newAccount(ports, options.personName);
  const account = accountSigner(ports, draft.accountSeed);
  const logKey = publicKeyFromBytes("log", reserved.logKey);
  const genesis = buildGenesis({
    orgName: options.orgName,
    logKey,
    owners: [
      {
        account: draft.accountId,
        accountKey: account.publicKey,
        device: certificateFact(draft.certificate),
      },
    ],
    recoveryKeys: [recoveryKey],
    nonce: randomBytes(ports.random, 32),
    createdMs: ports.clock.now(),
  });
  const identity = ownIdentity({
    ...draft,
    orgId: genesis.orgId,
    orgName: options.orgName,
    gatewayUrl: url,
    caSha256: options.caSha256,
    logKey,
  });
  const signed = await signStatement(genesis, [account]);
  await writePending(store, reserved.logKey, { identity, recovery, genesis: signed });
  return { identity, recovery, genesis: signed };
}

/** Accepts an invitation: a new account with its first device, registered by the log. */
async function acceptInvitation(ports: SetupPorts, options: AcceptOptions): Promise<IdentityView> {
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
    request: { statement: joining.genesis },
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
): Promise<Founding> {
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
  const kept = { identity, recovery, genesis: statement };
  await writePending(store, idBytes(invitation.inviteId), kept);
  await keepNames(store, invitation);
  return kept;
}

/** What the invitation calls people and rooms, until they say it themselves. */
async function keepNames(store: SealedStore, invitation: Invitation): Promise<void> {
  const header = {
    inviter: invitation.inviterName,
    rooms: invitation.rooms.map(({ room, name }) => [room, name]),
  };
  await store.transaction({
    puts: [{ key: storeKeys.names, value: encodeStored(header) }],
    deletes: [],
  });
}

/** A further device of an account: of no use until an older one has certified it. */
async function prepareDevice(ports: SetupPorts, link: DeviceLink): Promise<PreparedDevice> {
  const store = await openSealedStore(ports);
  await refuseSecondIdentity(store);
  const keys = createDeviceKeys(ports.random);
  const deviceId = newDeviceId(ports.random);
  using identity = ownIdentity({
    orgId: link.orgId,
    orgName: link.orgName,
    accountId: link.accountId,
    deviceId,
    personName: link.personName,
    gatewayUrl: link.gatewayUrl,
    caSha256: link.caSha256,
    logKey: publicKeyFromBytes("log", link.logKey),
    keys,
    accountSeed: undefined,
  });
  const puts = [{ key: storeKeys.identity, value: encodeIdentity(identity) }];
  await store.transaction({ puts, deletes: [] });
  const { accountId: account } = link;
  const certificate = certificateOf({ device: deviceId, account, keys, crypto: ports.crypto });
  return { ...viewOf(identity), certificate };
}

interface AccountDraft {
  readonly accountId: AccountId;
  readonly deviceId: Identity["deviceId"];
  readonly personName: string;
  readonly keys: Identity["keys"];
  readonly accountSeed: SecretBytes;
  readonly certificate: statementsV1.DeviceCertificate;
}

function newAccount(ports: SetupPorts, personName: string): AccountDraft {
  const accountId = newAccountId(ports.random);
  const deviceId = newDeviceId(ports.random);
  const keys = createDeviceKeys(ports.random);
  const accountSeed = SecretBytes.random(ports.random, SEED_BYTES);
  const certificate = certificateOf({
    device: deviceId,
    account: accountId,
    keys,
    crypto: ports.crypto,
  });
  return { accountId, deviceId, personName, keys, accountSeed, certificate };
}

function accountSigner(ports: SetupPorts, seed: SecretBytes): Signer<"account"> {
  return createSigner("account", seed, ports.crypto);
}

/** From the message to the words of the rules. */
export function certificateFact(certificate: statementsV1.DeviceCertificate): Certificate {
  const { expiresMs } = certificate;
  return {
    device: deviceIdFromBytes(certificate.deviceId),
    account: accountIdFromBytes(certificate.accountId),
    statementKey: publicKeyFromBytes("statement", certificate.statementKey),
    leafKey: publicKeyFromBytes("leaf", certificate.leafKey),
    nkey: userNkeyFromBytes(certificate.nkey),
    expiresMs: expiresMs === 0n ? undefined : (parseEpochMs(expiresMs) satisfies EpochMs),
  };
}

const pendingKey = "identity-pending";

async function writePending(
  store: SealedStore,
  purpose: Uint8Array,
  { identity, recovery, genesis }: Founding,
): Promise<void> {
  const header = {
    purpose: storedBytes(purpose),
    recovery: recovery.expose((bytes) => storedBytes(bytes)),
    identity: storedBytes(encodeIdentity(identity)),
  };
  const puts = [{ key: pendingKey, value: encodeStored(header, genesis) }];
  await store.transaction({ puts, deletes: [] });
}

async function readPending(store: SealedStore, purpose: Uint8Array): Promise<Founding | undefined> {
  const stored = await store.get(pendingKey);
  if (stored === undefined) return undefined;
  const { header, body } = parseStored(stored);
  const fields = fieldsOf(header);
  if (fields.text("purpose") !== storedBytes(purpose)) return undefined;
  return {
    identity: parseIdentity(fields.bytes("identity")),
    recovery: SecretBytes.from(fields.bytes("recovery")),
    genesis: Uint8Array.from(body),
  };
}

interface Founded {
  readonly store: SealedStore;
  readonly identity: Identity;
  readonly gateway: GatewayCaller;
}

/** The log has the account: from here on the store is its. */
async function keepIdentity(ports: SetupPorts, founded: Founded): Promise<LogState> {
  const { store, identity, gateway } = founded;
  const { verify, sha256 } = ports.crypto;
  const { orgId: org } = identity;
  const source = gatewayLog(gateway, org, deviceCaller(ports, identity));
  const { state, puts } = await fetchWholeLog(source, { org, known: undefined, verify, sha256 });
  const identityRow = { key: storeKeys.identity, value: encodeIdentity(identity) };
  await store.transaction({ puts: [identityRow, ...puts], deletes: [pendingKey] });
  return state;
}

function deviceCaller(ports: SetupPorts, identity: Identity): Parameters<typeof gatewayLog>[2] {
  const signer = createSigner("statement", identity.keys.statement, ports.crypto);
  return { kind: "device", device: identity.deviceId, signer };
}

/** The owner's first two statements: this box's gateway and relay act for the org. */
async function authoriseServices(
  ports: SetupPorts,
  founded: Founded & {
    readonly log: LogState;
    readonly reserved: gatewayV1.ReserveOrgResponse;
  },
): Promise<void> {
  const { reserved } = founded;
  let { log } = founded;
  if (reserved.gateway === undefined || reserved.relay === undefined) {
    throw clientErrors.ERR_GATEWAY_ANSWER("the box named neither its gateway nor its relay");
  }
  const gatewayKey = publicKeyFromBytes("gateway", reserved.gateway.signingKey);
  const relayKey = publicKeyFromBytes("relay", reserved.relay.signingKey);
  const { state, size: at } = log.replica;
  const wanted: Body[] = [];
  if (gatewayAt(state, { key: gatewayKey, at }) === undefined) {
    const { natsSigningKey } = reserved.gateway;
    wanted.push(bodies.gatewaySet({ key: gatewayKey, natsSigningKey, revoked: false }));
  }
  if (relayAt(state, { key: relayKey, at }) === undefined) {
    const { natsSigningKey } = reserved.relay;
    wanted.push(bodies.relaySet({ key: relayKey, natsSigningKey, revoked: false }));
  }
  for (const body of wanted) log = await submitFirst(ports, { ...founded, log, body });
}

async function submitFirst(
  ports: SetupPorts,
  first: Founded & { readonly log: LogState; readonly body: Body },
): Promise<LogState> {
  const { store, identity, gateway, log, body } = first;
  const { state } = log.replica;
  const device = identity.deviceId;
  const caller = deviceCaller(ports, identity);
  const signer = createSigner("statement", identity.keys.statement, ports.crypto);
  const id = newStatementId(ports.random);
  const statement = await signStatement(buildStatement(state, { id, device, body }), [signer]);
  const { orgId: org } = identity;
  await gateway.call({
    method: `${service}/SubmitStatement`,
    request: { statement },
    caller,
    org,
    checkpoint: log.newest.signed,
  });
  const { verify, sha256 } = ports.crypto;
  const source = gatewayLog(gateway, org, caller);
  const fetched = await fetchWholeLog(source, { org, known: log, verify, sha256 });
  await store.transaction({ puts: fetched.puts, deletes: [] });
  return fetched.state;
}

/** Setting up a store: everything before the first {@link import("../client/connect.ts").connect}. */
export const setup: Setup = { createOrg, acceptInvitation, prepareDevice, loadIdentity };
