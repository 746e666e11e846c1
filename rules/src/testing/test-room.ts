import { type DeviceId, equalBytes, idBytes, publicKeyBytes, type RoomId } from "@cloister/base";
import { encodeCommitBinding, encodeGroupBinding } from "../room/binding.ts";
import type {
  CommitFacts,
  CreatedGroupFacts,
  LeafFacts,
  RosterLeaf,
} from "../room/commit-facts.ts";
import type { HandshakeView } from "../room/handshake-query.ts";
import { encodeLeafCredential } from "../room/leaf.ts";
import { verifyCreation } from "../room/verify-creation.ts";
import { verifyHandshake } from "../room/verify-handshake.ts";
import { logRootAt } from "../state/org-state.ts";
import { roomAt } from "../state/places.ts";
import { signHandshake } from "../tokens/sign.ts";
import type { TestDevice } from "./keys.ts";
import type { TestOrg } from "./test-org.ts";
import { testGrant } from "./tokens.ts";

export interface TestCommitOptions {
  readonly by: TestDevice;
  readonly kind?: "member" | "external";
  readonly adds?: readonly TestDevice[];
  readonly removes?: readonly TestDevice[];
  /** Changes what an honest device would have done. */
  readonly facts?: Partial<CommitFacts>;
  readonly record?: Partial<Parameters<typeof signHandshake>[1]>;
  readonly binding?: Partial<Parameters<typeof encodeCommitBinding>[0]>;
  /** Encoded record of the log whose head the commit names; default: the newest. */
  readonly at?: number;
  readonly signer?: TestDevice["statement"];
}

export interface TestCommit {
  /** Encoded SignedHandshake. */
  readonly record: Uint8Array;
  readonly commit: CommitFacts;
}

const noBytes = new Uint8Array(0);
const someBytes = Uint8Array.of(1);

/** What the rules see of a room's group, without an engine: facts and signed records. */
export class TestRoom {
  readonly org: TestOrg;
  readonly room: RoomId;
  readonly creator: TestDevice;
  leaves: RosterLeaf[] = [];
  views: HandshakeView[] = [];

  constructor(org: TestOrg, room: RoomId, creator: TestDevice) {
    this.org = org;
    this.room = room;
    this.creator = creator;
  }

  get last(): HandshakeView {
    const view = this.views.at(-1);
    if (view === undefined) throw new TypeError("the test room was not created");
    return view;
  }

  leafOf(device: TestDevice): LeafFacts {
    const { account, device: id, leafKey } = device.certificate;
    const credential = encodeLeafCredential({ org: this.org.id, account, device: id });
    return { credential, signatureKey: publicKeyBytes(leafKey) };
  }

  async creation(
    options: {
      readonly by?: TestDevice;
      readonly record?: TestCommitOptions["record"];
      readonly group?: Partial<CreatedGroupFacts>;
    } = {},
  ): Promise<{ readonly record: Uint8Array; readonly group: CreatedGroupFacts }> {
    const { by = this.creator } = options;
    const record = await signHandshake(
      this.org.id,
      {
        ...this.#frame(by, this.org.size),
        index: 0n,
        epoch: 0n,
        commit: noBytes,
        ratchetTree: someBytes,
        ...options.record,
      },
      by.statement,
    );
    const group = { context: this.context(0n), members: [this.leafOf(by)], ...options.group };
    return { record, group };
  }

  async create(): Promise<HandshakeView> {
    const { record, group } = await this.creation();
    const view = verifyCreation(this.org.state, { room: this.room, record, group });
    this.leaves = [{ ...this.leafOf(this.creator), leafIndex: 0 }];
    this.views = [view];
    return view;
  }

  context(epoch: bigint): CommitFacts["contextAfter"] {
    const room = roomAt(this.org.state, { room: this.room, at: this.org.size });
    if (room === undefined) throw new TypeError("the log has no such room");
    const { rulesVersion, groupId } = room;
    const contextExtension = encodeGroupBinding({
      org: this.org.id,
      room: this.room,
      rulesVersion,
    });
    return { groupId: idBytes(groupId), epoch, contextExtension, foreignExtensions: false };
  }

  /** A commit that follows the last, and the record around it. */
  async commit(options: TestCommitOptions): Promise<TestCommit> {
    const { by, kind = "member", at = this.org.size } = options;
    const grant =
      options.record?.grant ??
      (kind === "external"
        ? await testGrant(this.org, by, { room: this.room, epoch: this.last.epoch })
        : noBytes);
    const commit = { ...this.#facts(options, { at, grant }), ...options.facts };
    const record = await signHandshake(
      this.org.id,
      {
        ...this.#frame(by, at),
        index: BigInt(this.last.index + 1),
        epoch: this.last.epoch,
        commit: someBytes,
        welcome: commit.adds.length > 0 ? someBytes : noBytes,
        ...options.record,
        grant,
      },
      options.signer ?? by.statement,
    );
    return { record, commit };
  }

  /** Throws what the rules refuse; changes nothing. */
  verify(
    { record, commit }: TestCommit,
    options: Partial<Parameters<typeof verifyHandshake>[1]> = {},
  ): HandshakeView {
    return verifyHandshake(this.org.state, {
      room: this.room,
      record,
      commit,
      index: this.last.index + 1,
      previous: this.last,
      roster: this.leaves,
      ...options,
    });
  }

  /** Makes, verifies and merges a commit. */
  async apply(options: TestCommitOptions): Promise<HandshakeView> {
    const made = await this.commit(options);
    const view = this.verify(made);
    const removed = new Set(view.removed);
    this.leaves = this.leaves.filter(({ leafIndex }) => !removed.has(leafIndex));
    const joined = made.commit.senderKind === "external" ? [made.commit.sender] : made.commit.adds;
    for (const leaf of joined) this.leaves.push({ ...leaf, leafIndex: this.#freeIndex() });
    this.views.push(view);
    return view;
  }

  #freeIndex(): number {
    const taken = new Set(this.leaves.map(({ leafIndex }) => leafIndex));
    let index = 0;
    while (taken.has(index)) index += 1;
    return index;
  }

  #frame(
    by: TestDevice,
    at: number,
  ): Omit<Parameters<typeof signHandshake>[1], "index" | "epoch" | "commit"> {
    return {
      roomId: idBytes(this.room),
      deviceId: idBytes(by.certificate.device),
      welcome: noBytes,
      groupInfo: someBytes,
      ratchetTree: noBytes,
      checkpoint: this.org.checkpointAt(at),
      grant: noBytes,
      refuses: noBytes,
    };
  }

  #facts(
    { by, kind = "member", adds = [], removes = [], binding }: TestCommitOptions,
    { at, grant }: { readonly at: number; readonly grant: Uint8Array },
  ): CommitFacts {
    const { org, room, last } = this;
    const { sha256 } = org.state.crypto;
    const removed = removes.map((device) => this.#leafIn(device.certificate.device));
    const kinds = [
      ...(kind === "external" ? ["external-init"] : []),
      ...removed.map(() => "remove"),
      ...adds.map(() => "add"),
    ];
    const context = this.context(last.epoch + 1n);
    return {
      groupId: context.groupId,
      epoch: last.epoch,
      senderKind: kind,
      senderLeafIndex: 0,
      sender: this.leafOf(by),
      senderBefore: kind === "member" ? this.leafOf(by) : undefined,
      adds: adds.map((device) => this.leafOf(device)),
      removes: removed,
      proposals: kinds.map((proposal) => ({ kind: proposal, byReference: false })),
      hasPath: true,
      contextChanged: false,
      contextAfter: context,
      aad: encodeCommitBinding({
        org: org.id,
        room,
        rulesVersion: 1,
        previousHash: last.hash,
        logSize: at,
        logRoot: logRootAt(org.state, at),
        grantHash: grant.length === 0 ? undefined : sha256(grant),
        ...binding,
      }),
    };
  }

  #leafIn(device: DeviceId): RosterLeaf {
    const leaf = this.leaves.find(({ credential }) =>
      equalBytes(credential, this.#credentialOf(device)),
    );
    if (leaf === undefined) throw new TypeError("the test room has no leaf of this device");
    return leaf;
  }

  #credentialOf(device: DeviceId): Uint8Array {
    const account = this.org.state.devices.get(device)?.certificate.account;
    if (account === undefined) throw new TypeError("the log has no such device");
    return encodeLeafCredential({ org: this.org.id, account, device });
  }
}
