import type { AccountId, DeviceId, EpochMs, OrgId, RecoveryKey } from "@cloister/base";
import type { statementsV1 } from "@cloister/proto";
import type { ClientPorts } from "../ports.ts";

/** What setting up needs: everything but rooms. */
export type SetupPorts = Omit<ClientPorts, "transport" | "engine">;

/** The public half of what a store belongs to. */
export interface IdentityView {
  readonly orgId: OrgId;
  readonly orgName: string;
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
  readonly personName: string;
  readonly gatewayUrl: string;
  readonly caSha256: Uint8Array | undefined;
}

export interface CreateOrgOptions {
  readonly gatewayUrl: string;
  readonly caSha256: Uint8Array | undefined;
  /** 32 bytes, from `server init`: good for one org. */
  readonly claimSecret: Uint8Array;
  readonly orgName: string;
  readonly personName: string;
}

export interface CreatedOrg extends IdentityView {
  /** Kept nowhere else: for the owner to write down. Able only to replace owners. */
  readonly recovery: { readonly publicKey: RecoveryKey; readonly secretText: string };
}

/** What an invitation says before it is accepted. The names are the inviter's words. */
export interface InvitationView {
  readonly orgId: OrgId;
  readonly orgName: string;
  readonly inviterName: string;
  readonly roomNames: readonly string[];
  readonly gatewayUrl: string;
  readonly expiresAt: EpochMs;
}

export interface AcceptOptions {
  /** `cloister-invite:…`. */
  readonly invitation: string;
  readonly personName: string;
  /** Goes before the URL in the invitation. */
  readonly gatewayUrl?: string;
}

/** What a device hands to a new one of the same account, over a way that both trust. No secret. */
export interface DeviceLink {
  readonly orgId: OrgId;
  readonly orgName: string;
  readonly accountId: AccountId;
  readonly personName: string;
  readonly gatewayUrl: string;
  readonly caSha256: Uint8Array | undefined;
  /** Encoded Signed "checkpoint" and the log key that signs it. */
  readonly checkpoint: Uint8Array;
  readonly logKey: Uint8Array;
}

export interface PreparedDevice extends IdentityView {
  /** For `client.org.certifyDevice` of the account's older device. */
  readonly certificate: statementsV1.DeviceCertificate;
}

/** Setting up a store; each throws ERR_IDENTITY_EXISTS if it belongs to somebody already. */
export interface Setup {
  /** Reserves, founds, and authorises the box's gateway and relay. Goes on after a break. */
  createOrg(ports: SetupPorts, options: CreateOrgOptions): Promise<CreatedOrg>;
  /** Makes account and device and registers them. Goes on after a break. */
  acceptInvitation(ports: SetupPorts, options: AcceptOptions): Promise<IdentityView>;
  /** Makes a further device of an account, useless until `certifyDevice` of an older one. */
  prepareDevice(ports: SetupPorts, link: DeviceLink): Promise<PreparedDevice>;
  /** Undefined if the store belongs to nobody yet. */
  loadIdentity(
    ports: Pick<SetupPorts, "store" | "storeKey" | "crypto" | "random">,
  ): Promise<IdentityView | undefined>;
}
