import {
  type AccountId,
  type AccountKey,
  type DeviceId,
  type EpochMs,
  type GatewayKey,
  type GroupId,
  type InvitationKey,
  type InviteId,
  idBytes,
  type ProjectId,
  publicKeyBytes,
  type RelayKey,
  type RoomId,
} from "@cloister/base";
import { nkeyBytes, type statementsV1 } from "@cloister/proto";
import { KNOWN_RULES_VERSION, ROOM_SUITE } from "../limits.ts";
import type { Certificate, InviteGrant, LevelPolicy, OwnerFact } from "../state/facts.ts";
import { factorNumber, type RoleName, roleNumber } from "../state/names.ts";
import { type Scope, scopeMessage } from "../state/scope.ts";
import type { Body } from "../statements/judgement.ts";

/** What a statement may say, from the words of the rules to the message that is signed. */
export const bodies = {
  inviteIssued(invite: {
    readonly invite: InviteId;
    readonly inviteKey: InvitationKey;
    readonly grants: readonly InviteGrant[];
    readonly expiresMs: EpochMs;
  }): Body {
    const value = {
      inviteId: idBytes(invite.invite),
      inviteKey: publicKeyBytes(invite.inviteKey),
      grants: invite.grants.map(({ scope, role }) => ({
        scope: scopeMessage(scope),
        role: roleNumber(role),
      })),
      expiresMs: BigInt(invite.expiresMs),
    };
    return { $case: "inviteIssued", value };
  },
  inviteAccepted({ invite, ...owner }: OwnerFact & { readonly invite: InviteId }): Body {
    return {
      $case: "inviteAccepted",
      value: { inviteId: idBytes(invite), ...ownerMessage(owner) },
    };
  },
  /** Without a role: takes it away. */
  roleSet(change: {
    readonly scope: Scope;
    readonly account: AccountId;
    readonly role: RoleName | undefined;
  }): Body {
    const value = {
      scope: scopeMessage(change.scope),
      accountId: idBytes(change.account),
      role: roleNumber(change.role),
    };
    return { $case: "roleSet", value };
  },
  policySet({ scope, policy }: { readonly scope: Scope; readonly policy: LevelPolicy }): Body {
    return {
      $case: "policySet",
      value: { scope: scopeMessage(scope), policy: policyMessage(policy) },
    };
  },
  projectCreated({ project, name }: { readonly project: ProjectId; readonly name: string }): Body {
    return { $case: "projectCreated", value: { projectId: idBytes(project), name } };
  },
  /** With the suite and rules version of this version. */
  roomCreated(room: {
    readonly room: RoomId;
    readonly project: ProjectId;
    readonly groupId: GroupId;
  }): Body {
    const value = {
      roomId: idBytes(room.room),
      projectId: idBytes(room.project),
      groupId: idBytes(room.groupId),
      suite: ROOM_SUITE,
      rulesVersion: KNOWN_RULES_VERSION,
    };
    return { $case: "roomCreated", value };
  },
  gatewaySet({ key, ...rest }: ServiceChange<GatewayKey>): Body {
    return { $case: "gatewaySet", value: { gatewayKey: publicKeyBytes(key), ...rest } };
  },
  relaySet({ key, ...rest }: ServiceChange<RelayKey>): Body {
    return { $case: "relaySet", value: { relayKey: publicKeyBytes(key), ...rest } };
  },
  deviceCertified(certificate: Certificate): Body {
    return { $case: "deviceCertified", value: { device: certificateMessage(certificate) } };
  },
  deviceRevoked(revocation: {
    readonly account: AccountId;
    readonly device: DeviceId;
    readonly newAccountKey: AccountKey;
  }): Body {
    const value = {
      accountId: idBytes(revocation.account),
      deviceId: idBytes(revocation.device),
      newAccountKey: publicKeyBytes(revocation.newAccountKey),
    };
    return { $case: "deviceRevoked", value };
  },
  ownersReplaced(owners: readonly OwnerFact[]): Body {
    return { $case: "ownersReplaced", value: { owners: owners.map(ownerMessage) } };
  },
} as const;

export interface ServiceChange<Key> {
  readonly key: Key;
  /** Raw Ed25519 public key of the NATS account signing key. */
  readonly natsSigningKey: Uint8Array;
  readonly revoked: boolean;
}

export function ownerMessage(owner: OwnerFact): statementsV1.Owner {
  return {
    accountId: idBytes(owner.account),
    accountKey: publicKeyBytes(owner.accountKey),
    device: certificateMessage(owner.device),
  };
}

function certificateMessage(certificate: Certificate): statementsV1.DeviceCertificate {
  return {
    deviceId: idBytes(certificate.device),
    accountId: idBytes(certificate.account),
    statementKey: publicKeyBytes(certificate.statementKey),
    leafKey: publicKeyBytes(certificate.leafKey),
    nkey: nkeyBytes(certificate.nkey),
    expiresMs: BigInt(certificate.expiresMs ?? 0),
  };
}

function policyMessage(policy: LevelPolicy): statementsV1.Policy {
  return {
    factors: policy.factors.map(({ factor, maxAgeSeconds }) => ({
      factor: factorNumber(factor),
      maxAgeSeconds: maxAgeSeconds ?? 0,
    })),
    exemptRoles: policy.exemptRoles.map(roleNumber),
    deniedAccounts: policy.deniedAccounts.map((account) => idBytes(account)),
    sessionMaxAgeSeconds: policy.sessionMaxAgeSeconds ?? 0,
    deviceMinAgeSeconds: policy.deviceMinAgeSeconds ?? 0,
  };
}
