import {
  formatBase32,
  newStatementId,
  publicKeyFromBytes,
  randomBytes,
  SecretBytes,
} from "@cloister/base";
import type { gatewayV1 } from "@cloister/proto";
import {
  type Body,
  bodies,
  buildGenesis,
  buildStatement,
  gatewayAt,
  relayAt,
  signStatement,
} from "@cloister/rules";
import { clientErrors } from "../errors.ts";
import { createGatewayCaller } from "../gateway/call.ts";
import { fetchWholeLog, gatewayLog } from "../log/fetch.ts";
import type { LogState } from "../log/keeper.ts";
import { openSealedStore, type SealedStore } from "../store/seal-store.ts";
import { ownIdentity, refuseSecondIdentity, viewOf } from "./identity.ts";
import { parseGatewayUrl } from "./invitation.ts";
import { deviceCaller, type Founded, keepIdentity } from "./keep-identity.ts";
import { createSigner, rawPublicKey } from "./keys.ts";
import { accountSigner, certificateFact, newAccount, SEED_BYTES } from "./new-account.ts";
import { type PendingIdentity, readPending, writePending } from "./pending-identity.ts";
import type { CreatedOrg, CreateOrgOptions, SetupPorts } from "./setup-types.ts";

const service = "cloister.gateway.v1.GatewayService";

/** Founds an org on a box that awaits one, and authorises its gateway and relay. */
export async function createOrg(ports: SetupPorts, options: CreateOrgOptions): Promise<CreatedOrg> {
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
    request: { claimSecret: options.claimSecret, genesis: founding.statement },
    caller: { kind: "public" },
    org: undefined,
  });
  const founded = { store, identity, gateway };
  // Kept as one's own last: a founding cut before goes on with what is pending.
  await authoriseServices(ports, { ...founded, reserved });
  await keepIdentity(ports, founded);
  const publicKey = publicKeyFromBytes("recovery", rawPublicKey(recovery, ports.crypto));
  const secretText = recovery.expose((seed) => `cloister-recovery:v1#${formatBase32(seed)}`);
  return { ...viewOf(identity), recovery: { publicKey, secretText } };
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
): Promise<PendingIdentity> {
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
  await writePending(store, reserved.logKey, { identity, recovery, statement: signed });
  return { identity, recovery, statement: signed };
}

/** The owner's first two statements: this box's gateway and relay act for the org. */
async function authoriseServices(
  ports: SetupPorts,
  founded: Founded & {
    readonly reserved: gatewayV1.ReserveOrgResponse;
  },
): Promise<void> {
  const { reserved } = founded;
  let log = await fetchLog(ports, founded);
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
  const { identity, gateway, log, body } = first;
  const { state } = log.replica;
  const device = identity.deviceId;
  const caller = deviceCaller(ports, identity);
  const signer = createSigner("statement", identity.keys.statement, ports.crypto);
  const id = newStatementId(ports.random);
  const statement = await signStatement(buildStatement(state, { id, device, body }), [signer]);
  await gateway.call({
    method: `${service}/SubmitStatement`,
    request: { statement },
    caller,
    org: identity.orgId,
    checkpoint: log.newest.signed,
  });
  return await fetchLog(ports, first, log);
}

async function fetchLog(
  ports: SetupPorts,
  { identity, gateway }: Founded,
  known?: LogState,
): Promise<LogState> {
  const { verify, sha256 } = ports.crypto;
  const { orgId: org } = identity;
  const source = gatewayLog(gateway, org, deviceCaller(ports, identity));
  return (await fetchWholeLog(source, { org, known, verify, sha256 })).state;
}
