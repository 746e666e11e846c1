/**
 * The rules that members and servers must agree on: statements, roles, policy, tokens, handshakes.
 * Pure: the same code decides in a relay and in a browser. README.md shows the calls.
 */

export { bodies, type ServiceChange } from "./build/bodies.ts";
export { buildGenesis, type GenesisDraft } from "./build/genesis.ts";
export {
  buildStatement,
  type StatementDraft,
  signStatement,
  type UnsignedStatement,
} from "./build/statement.ts";
export { rulesErrors } from "./errors.ts";
export * from "./limits.ts";
export { type PreparedEntry, prepareEntry, prepareGenesis, signEntry } from "./log/append.ts";
export { genesisOrg, orgIdOf } from "./log/genesis.ts";
export {
  appendRecord,
  checkStatement,
  compareCheckpoint,
  type EntryView,
  type LogReplica,
  type OpenReplicaOptions,
  openReplica,
  pinCheckpoint,
} from "./log/replica.ts";
export type { StatementView } from "./log/statement.ts";
export {
  advanceCheckpoint,
  type CheckpointView,
  type LogIdentity,
  verifyCheckpoint,
  verifyCheckpointOf,
} from "./log/verify-checkpoint.ts";
export {
  type Decision,
  type DecisionQuery,
  type DecisionRule,
  decide,
  type RuleSource,
  type SessionProof,
} from "./policy/decide.ts";
export {
  type EffectivePolicy,
  type EffectivePolicyQuery,
  effectivePolicy,
  policyAt,
} from "./policy/effective.ts";
export { policyHash } from "./policy/hash.ts";
export {
  type CommitBinding,
  encodeCommitBinding,
  encodeGroupBinding,
} from "./room/binding.ts";
export type * from "./room/commit-facts.ts";
export { type HandshakeEnvelope, isVoidHandshake, parseHandshake } from "./room/handshake.ts";
export type { HandshakeQuery, HandshakeView, RoomPosition } from "./room/handshake-query.ts";
export {
  type Entitlement,
  encodeLeafCredential,
  entitlement,
  type LeafIdentity,
  type LeafQuery,
  parseLeafCredential,
  type Unentitled,
  unentitledLeaves,
} from "./room/leaf.ts";
export { type CreationQuery, verifyCreation } from "./room/verify-creation.ts";
export { verifyHandshake } from "./room/verify-handshake.ts";
export {
  type AccountView,
  accountAt,
  type DeviceQuery,
  type DeviceStatus,
  type DeviceView,
  deviceAt,
  deviceByNkey,
  devicesOf,
  liveDevice,
} from "./state/devices.ts";
export type * from "./state/facts.ts";
export { type InviteQuery, type InviteStatus, type InviteView, inviteAt } from "./state/invites.ts";
export {
  type FactorName,
  factorName,
  factorNumber,
  type RoleName,
  roleName,
  roleNumber,
} from "./state/names.ts";
export {
  logKeyOf,
  logRootAt,
  logSize,
  logTimeAt,
  type OrgState,
  orgOf,
} from "./state/org-state.ts";
export { projectAt, projectsAt, roomAt, roomsAt } from "./state/places.ts";
export {
  isMember,
  isOwnerOver,
  type Member,
  membersOf,
  type RoleQuery,
  roleOf,
  rolesOfAccount,
  roomsOfAccount,
} from "./state/roles.ts";
export {
  orgScope,
  parseScope,
  projectScope,
  roomScope,
  type Scope,
  scopeMessage,
} from "./state/scope.ts";
export {
  type AuthorisedServices,
  authorisedServices,
  gatewayAt,
  relayAt,
} from "./state/services.ts";
export type { Body, BodyKind, BodyOf } from "./statements/judgement.ts";
export {
  signFence,
  signGrant,
  signHandshake,
  signPass,
  signRequest,
  signSession,
} from "./tokens/sign.ts";
export { type FenceView, verifyFence } from "./tokens/verify-fence.ts";
export { type GrantQuery, type GrantView, verifyGrant } from "./tokens/verify-grant.ts";
export { type PassQuery, type PassView, verifyPass } from "./tokens/verify-pass.ts";
export {
  checkRequestFrame,
  parseRequest,
  type RequestCaller,
  type RequestEnvelope,
  type RequestQuery,
  type RequestView,
  verifyRequest,
} from "./tokens/verify-request.ts";
export { type SessionView, verifySession } from "./tokens/verify-session.ts";
