import {
  type AccountId,
  accountIdFromBytes,
  addMs,
  type DeviceId,
  hasErrorCode,
  idBytes,
  type KeyRole,
  newGroupId,
  newInviteId,
  newProjectId,
  newRoomId,
  newStatementId,
  publicKeyFromBytes,
  SecretBytes,
  type Signer,
} from "@cloister/base";
import type { statementsV1 } from "@cloister/proto";
import {
  type Body,
  bodies,
  buildStatement,
  devicesOf,
  factorName,
  factorNumber,
  type LevelPolicy,
  membersOf,
  orgScope,
  policyAt,
  projectScope,
  projectsAt,
  roleName,
  roleNumber,
  roleOf,
  rolesOfAccount,
  roomScope,
  type Scope,
  signStatement,
} from "@cloister/rules";
import type { OrgAdmin, OrgMember, OrgProject, ScopeRef } from "../client-types.ts";
import { clientErrors } from "../errors.ts";
import { encodeIdentity } from "../identity/identity.ts";
import { formatInvitation } from "../identity/invitation.ts";
import { createSigner, rawPublicKey } from "../identity/keys.ts";
import { certificateFact } from "../identity/new-account.ts";
import { storeKeys } from "../store/keys.ts";
import { logLines } from "./log-lines.ts";
import { personName } from "./person-name.ts";
import type { ClientSession } from "./session.ts";

export interface AdminParts {
  readonly session: ClientSession;
  /** Opens a room that was just made, and names it. */
  nameRoom(room: Parameters<typeof roomScope>[0], name: string): Promise<void>;
  roomName(room: Parameters<typeof roomScope>[0]): string | undefined;
}

/** Somebody else may state at the same moment: then the log is read and it is stated anew. */
const SUBMIT_TRIES = 4;

export function createOrgAdmin(parts: AdminParts): OrgAdmin {
  const { session } = parts;
  const { random, clock, crypto } = session.ports;
  const view = (): ReturnType<typeof session.device.context>["log"] => session.device.context().log;
  const state = (body: Body, further: readonly Signer<KeyRole>[] = []): Promise<void> =>
    submit(session, body, further);
  return {
    get name() {
      return view().state.genesis.orgName;
    },
    projects: () => projects(session),
    members: () => members(session),
    log: () => logLines(session.device.log),
    policy: (scope) => policyOf(session, scope),
    async createProject(name) {
      const project = newProjectId(random);
      await state(bodies.projectCreated({ project, name }));
      return project;
    },
    async createRoom({ project, name }) {
      const room = newRoomId(random);
      await state(bodies.roomCreated({ room, project, groupId: newGroupId(random) }));
      const { accountId: account } = session.identity;
      await state(bodies.roleSet({ scope: roomScope(room), account, role: "owner" }));
      await parts.nameRoom(room, name);
      return room;
    },
    async invite({ grants, expiresInMs }) {
      const invite = newInviteId(random);
      using secret = SecretBytes.random(random, 32);
      const inviteKey = publicKeyFromBytes("invitation", rawPublicKey(secret, crypto));
      const expiresMs = addMs(clock.now(), expiresInMs);
      const scoped = grants.map(({ scope, role }) => ({ scope: scopeOf(scope), role }));
      await state(bodies.inviteIssued({ invite, inviteKey, grants: scoped, expiresMs }));
      const rooms = grants.flatMap(({ scope }) =>
        scope.kind === "room" ? [{ room: scope.room, name: parts.roomName(scope.room) ?? "" }] : [],
      );
      const { identity } = session;
      const text = formatInvitation({
        gatewayUrl: identity.gatewayUrl,
        caSha256: identity.caSha256,
        orgId: identity.orgId,
        orgName: view().state.genesis.orgName,
        checkpoint: view().checkpoint,
        inviteId: invite,
        secret,
        inviterName: identity.personName,
        rooms: rooms.filter(({ name }) => name !== ""),
        expiresAt: expiresMs,
        [Symbol.dispose]: () => undefined,
      });
      return { id: invite, text };
    },
    setRole: ({ scope, account, role }) =>
      state(bodies.roleSet({ scope: scopeOf(scope), account, role })),
    removeMember: (account) => removeMember(session, account),
    setPolicy: ({ scope, policy }) =>
      state(bodies.policySet({ scope: scopeOf(scope), policy: levelPolicy(policy) })),
    certifyDevice: (certificate) =>
      state(bodies.deviceCertified(certificateFact(certificate)), accountSigners(session)),
    revokeDevice: (device) => revokeDevice(session, device),
    async explain({ account, room }) {
      const request = { accountId: idBytes(account), roomId: idBytes(room) };
      const decision = await session.access.explain(request);
      if (decision === undefined)
        throw clientErrors.ERR_GATEWAY_ANSWER("the gateway explains nothing");
      return decision;
    },
  };
}

/** States something in the org's log: refused here already if the log would refuse it. */
async function submit(
  session: ClientSession,
  body: Body,
  further: readonly Signer<KeyRole>[],
): Promise<void> {
  const { identity, statement: signer, gateway, device, ports } = session;
  for (let attempt = 1; ; attempt += 1) {
    await session.syncLog();
    const { state, checkpoint } = device.context().log;
    const id = newStatementId(ports.random);
    const unsigned = buildStatement(state, { id, device: identity.deviceId, body });
    const statement = await signStatement(unsigned, [...further, signer]);
    try {
      await gateway.call({
        method: "cloister.gateway.v1.GatewayService/SubmitStatement",
        request: { statement },
        caller: { kind: "device", device: identity.deviceId, signer },
        org: identity.orgId,
        checkpoint,
      });
      await session.syncLog();
      return;
    } catch (error) {
      const isRace = hasErrorCode(error, "ERR_VERIFICATION_STATEMENT_VERSION");
      if (!isRace || attempt >= SUBMIT_TRIES) throw error;
    }
  }
}

/** The account key stays on the devices that were given it. */
function accountSigners({ account }: ClientSession): Signer<KeyRole>[] {
  if (account === undefined) {
    throw clientErrors.ERR_RIGHT_MISSING("this device does not hold the account key", {
      hint: "do this on the account's first device",
    });
  }
  return [account];
}

/** The account's key changes with it: a thief of the old one certifies nothing more (rule 5). */
async function revokeDevice(session: ClientSession, device: DeviceId): Promise<void> {
  const { identity, ports, store } = session;
  const seed = SecretBytes.random(ports.random, 32);
  const fresh = createSigner("account", seed, ports.crypto);
  const body = bodies.deviceRevoked({
    account: identity.accountId,
    device,
    newAccountKey: fresh.publicKey,
  });
  const key = "identity-next";
  const next = encodeIdentity({ ...identity, accountSeed: seed });
  // On the disk before the log knows the new key: without it the account could state nothing more.
  await store.transaction({ puts: [{ key, value: next }], deletes: [] });
  await submit(session, body, [...accountSigners(session), fresh]);
  const puts = [{ key: storeKeys.identity, value: next }];
  await store.transaction({ puts, deletes: [key] });
}

/** Rooms first, the org last: at no moment does a role below outlive the one above. */
async function removeMember(session: ClientSession, account: AccountId): Promise<void> {
  await session.syncLog();
  const { state, size: at } = session.device.context().log;
  const order = { room: 0, project: 1, org: 2 } as const;
  const roles = rolesOfAccount(state, { account, at })
    .map(({ scope }) => scope)
    .sort((left, right) => order[left.kind] - order[right.kind]);
  for (const scope of roles)
    await submit(session, bodies.roleSet({ scope, account, role: undefined }), []);
}

function projects(session: ClientSession): OrgProject[] {
  const { log, account } = session.device.context();
  const at = log.size;
  return projectsAt(log.state, at).map(({ project, name }) => ({
    id: project,
    name,
    role: roleOf(log.state, { account, scope: projectScope(project), at }),
  }));
}

function members(session: ClientSession): OrgMember[] {
  const { device, identity } = session;
  const { log } = device.context();
  const at = log.size;
  return membersOf(log.state, { scope: orgScope, at }).map(({ account, role }) => ({
    account,
    role,
    name: personName(session, account),
    devices: devicesOf(log.state, { account, at }).map(({ certificate, status }) => ({
      device: certificate.device,
      revoked: status !== "live",
      own: certificate.device === identity.deviceId,
    })),
  }));
}

export function scopeOf(scope: ScopeRef): Scope {
  switch (scope.kind) {
    case "org":
      return orgScope;
    case "project":
      return projectScope(scope.project);
    case "room":
      return roomScope(scope.room);
    default:
      throw scope satisfies never;
  }
}

function policyOf(session: ClientSession, scope: ScopeRef): statementsV1.Policy | undefined {
  const { log } = session.device.context();
  const fact = policyAt(log.state, { scope: scopeOf(scope), at: log.size });
  if (fact === undefined) return undefined;
  const { policy } = fact;
  return {
    factors: policy.factors.map(({ factor, maxAgeSeconds }) => ({
      factor: factorNumber(factor),
      maxAgeSeconds: maxAgeSeconds ?? 0,
    })),
    exemptRoles: policy.exemptRoles.map((role) => roleNumber(role)),
    deniedAccounts: policy.deniedAccounts.map((account) => idBytes(account)),
    sessionMaxAgeSeconds: policy.sessionMaxAgeSeconds ?? 0,
    deviceMinAgeSeconds: policy.deviceMinAgeSeconds ?? 0,
  };
}

function levelPolicy(policy: statementsV1.Policy): LevelPolicy {
  return {
    factors: policy.factors.map(({ factor, maxAgeSeconds }) => ({
      factor: factorName(factor),
      maxAgeSeconds: maxAgeSeconds === 0 ? undefined : maxAgeSeconds,
    })),
    exemptRoles: policy.exemptRoles
      .map((role) => roleName(role))
      .filter((role) => role !== undefined),
    deniedAccounts: policy.deniedAccounts.map((account) => accountIdFromBytes(account)),
    sessionMaxAgeSeconds:
      policy.sessionMaxAgeSeconds === 0 ? undefined : policy.sessionMaxAgeSeconds,
    deviceMinAgeSeconds: policy.deviceMinAgeSeconds === 0 ? undefined : policy.deviceMinAgeSeconds,
  };
}
