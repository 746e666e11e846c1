import { type DeviceId, formatHex, type OrgId, type RoomId } from "@cloister/base";
import { handshakeSubject, streamNames } from "@cloister/proto";
import { NATS_MAX_PAYLOAD_BYTES } from "@cloister/server-kit";
import { CLAIM_MARK_AGE_MS } from "../limits.ts";
import type { JetStreamApi } from "./jetstream-api.ts";

/** The streams of the DELIVERY account. No client can reach them but through the service. */
export const deliveryStreams = {
  handshakes: streamNames.handshakes,
  /** Snapshots and trees of rooms, positions of fences, accounts of orgs: can be made again from logs. */
  state: "KV_relay-state",
  keyPackages: "KV_key-packages",
  claims: "KV_key-claims",
} as const;

const stateRoot = "$KV.relay-state";

/** Subjects in DELIVERY. Ids hold no dot, so none can reach into another's place. */
export const deliverySubjects = {
  handshakes: handshakeSubject,
  handshakesOfOrg: (org: OrgId) => `hs.${org}.*`,
  snapshot: (org: OrgId, room: RoomId) => `${stateRoot}.snapshot.${org}.${room}`,
  tree: (at: { readonly org: OrgId; readonly room: RoomId; readonly hash: Uint8Array }) =>
    `${stateRoot}.tree.${at.org}.${at.room}.${formatHex(at.hash)}`,
  fence: (at: { readonly org: OrgId; readonly room: RoomId; readonly index: number }) =>
    `${stateRoot}.fence.${at.org}.${at.room}.${at.index}`,
  orgAccount: (account: string) => `${stateRoot}.account.${account}`,
  orgAccounts: `${stateRoot}.account.*`,
  keyPackage: (of: PackageOwner, ref: Uint8Array) =>
    `$KV.key-packages.${of.org}.${of.device}.${formatHex(ref)}`,
  keyPackages: (of: PackageOwner) => `$KV.key-packages.${of.org}.${of.device}.*`,
  claim: (of: PackageOwner, ref: string) => `$KV.key-claims.${of.org}.${of.device}.${ref}`,
} as const;

export interface PackageOwner {
  readonly org: OrgId;
  readonly device: DeviceId;
}

export interface DeliverySizes {
  readonly handshakesBytes: number;
  readonly stateBytes: number;
  readonly keyPackagesBytes: number;
  readonly replicas: number;
}

/** Creates what is missing and brings the rest to these settings; any number of relays may do so. */
export async function ensureDeliveryStreams(
  api: JetStreamApi,
  sizes: DeliverySizes,
): Promise<void> {
  for (const config of deliveryStreamConfigs(sizes)) await api.ensureStream(config);
}

function deliveryStreamConfigs(sizes: DeliverySizes) {
  const common = {
    retention: "limits",
    storage: "file",
    // A full stream refuses; it never drops what it has acknowledged.
    discard: "new",
    max_msg_size: NATS_MAX_PAYLOAD_BYTES,
    max_msgs: -1,
    max_consumers: 0,
    num_replicas: sizes.replicas,
    allow_direct: true,
    deny_delete: true,
  };
  const value = { ...common, max_msgs_per_subject: 1 };
  return [
    {
      ...common,
      name: deliveryStreams.handshakes,
      subjects: ["hs.*.*"],
      max_bytes: sizes.handshakesBytes,
      max_msgs_per_subject: -1,
      deny_purge: true,
    },
    {
      ...value,
      name: deliveryStreams.state,
      subjects: [`${stateRoot}.>`],
      max_bytes: sizes.stateBytes,
    },
    {
      ...value,
      name: deliveryStreams.keyPackages,
      subjects: ["$KV.key-packages.*.*.*"],
      max_bytes: sizes.keyPackagesBytes,
    },
    {
      ...value,
      name: deliveryStreams.claims,
      subjects: ["$KV.key-claims.*.*.*"],
      max_bytes: sizes.keyPackagesBytes,
      max_age: CLAIM_MARK_AGE_MS * 1e6,
    },
  ];
}
