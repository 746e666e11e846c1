import { EngineError } from "@cloister/group-engine/errors";
import type { PublicGroupView } from "@cloister/group-engine/types";
import { publicEngine } from "./engines.ts";

/** What a committer hands in as one unit. */
export interface Submission {
  readonly commit: Uint8Array;
  readonly groupInfo: Uint8Array;
  readonly welcome: Uint8Array | undefined;
  readonly invited: string | undefined;
}

export interface Accepted extends Submission {
  /** The epoch the commit was made in. */
  readonly epoch: bigint;
  /** The tree of the epoch after, content-addressed in the real relay. */
  readonly ratchetTree: Uint8Array;
}

export interface StoredMessage {
  readonly kind: "message";
  readonly sender: string;
  readonly innerId: string;
  readonly sealed: Uint8Array;
}

export type StreamRecord = StoredMessage | { readonly kind: "fence"; readonly epoch: bigint };

export type Verdict = "accepted" | "refused" | "down";

/**
 * The relay as far as order matters: a durable log of handshakes, a durable
 * application stream with fences, and the real public engine in memory. The
 * stream belongs to nats-server, so it takes messages while the relay is down.
 */
export class SoakRelay {
  readonly log: Accepted[] = [];
  readonly stream: StreamRecord[] = [];
  #snapshot: Uint8Array;
  #groupInfo: Uint8Array;
  #view: PublicGroupView | undefined;

  constructor(groupInfo: Uint8Array, ratchetTree: Uint8Array) {
    this.#view = publicEngine().fromGroupInfo({ groupInfo, ratchetTree });
    this.#snapshot = this.#view.serialize();
    this.#groupInfo = groupInfo;
  }

  get isUp(): boolean {
    return this.#view !== undefined;
  }

  /** The epoch whose messages the stream takes now. */
  get fenceEpoch(): bigint {
    return BigInt(this.stream.filter(({ kind }) => kind === "fence").length);
  }

  get view(): PublicGroupView {
    if (this.#view === undefined) throw new Error("the relay is down");
    return this.#view;
  }

  roomKey(): { groupInfo: Uint8Array; ratchetTree: Uint8Array } {
    return { groupInfo: this.#groupInfo, ratchetTree: this.view.tree() };
  }

  /** Validates, appends, fences. `isKilled` ends the process between append and fence. */
  submit(submission: Submission, isKilled = false): Verdict {
    if (this.#view === undefined) return "down";
    const epoch = this.#view.epoch();
    if (!this.#accepts(this.#view, submission)) return "refused";
    this.#view.merge();
    this.log.push({ ...submission, epoch, ratchetTree: this.#view.tree() });
    if (isKilled) {
      this.#view = undefined;
      return "down";
    }
    this.#fence();
    return "accepted";
  }

  /** The server's own check: a publish names the fence it was sealed behind. */
  publish(message: StoredMessage, epoch: bigint): boolean {
    if (epoch !== this.fenceEpoch) return false;
    this.stream.push(message);
    return true;
  }

  handshake(epoch: bigint): Accepted | undefined {
    return this.#view && this.log[Number(epoch)];
  }

  /** Position of the first record that belongs to the epoch after the commit of `epoch`. */
  positionBehind(epoch: bigint): number | undefined {
    const fence = this.stream.findIndex((entry) => entry.kind === "fence" && entry.epoch === epoch);
    return fence < 0 ? undefined : fence + 1;
  }

  /** Comes back with the last snapshot, catches up with its log, writes the fence it owes. */
  restart(): void {
    const view = publicEngine().restore(this.#snapshot);
    for (const { commit } of this.log.slice(Number(view.epoch()))) {
      view.process(commit);
      view.merge();
    }
    this.#view = view;
    while (this.fenceEpoch < view.epoch()) this.#fence();
  }

  #accepts(view: PublicGroupView, { commit, groupInfo }: Submission): boolean {
    try {
      view.process(commit);
      view.verifyGroupInfo(groupInfo);
      return true;
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      view.drop();
      return false;
    }
  }

  #fence(): void {
    const epoch = this.fenceEpoch;
    const accepted = this.log[Number(epoch)];
    if (accepted === undefined) throw new Error("a fence needs its commit");
    this.#groupInfo = accepted.groupInfo;
    this.stream.push({ kind: "fence", epoch });
    if (epoch % 3n === 0n) this.#snapshot = this.view.serialize();
  }
}
