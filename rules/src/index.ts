/**
 * The rules that members and servers must agree on: statements, roles, policy, tokens, handshakes.
 * Pure: the same code decides in a relay and in a browser. README.md shows the calls.
 */
export { rulesErrors } from "./errors.ts";
export * from "./limits.ts";
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
