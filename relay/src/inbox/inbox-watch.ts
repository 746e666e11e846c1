import type { OrgId } from "@cloister/base";
import type { LogReplica } from "@cloister/rules";
import type { LogChange, LogFollower, LogTrouble } from "@cloister/server-kit";
import type { JetStreamApi } from "../store/jetstream-api.ts";
import { InboxConsumers } from "./inbox-consumers.ts";
import { restrictAfter, restrictAll } from "./removal.ts";

export interface InboxWatchOptions {
  readonly log: LogFollower<LogReplica>;
  /** Throws while the org is not connected: then `checkAll` looks when it is. */
  readonly orgApi: (org: OrgId) => JetStreamApi;
  readonly onTrouble: (trouble: LogTrouble) => void;
}

/**
 * Takes rooms out of inboxes as soon as the log takes the role or the device away. The member's
 * JWT ends on its own, within the hour; this ends what waits for it.
 */
export class InboxWatch implements AsyncDisposable {
  readonly #options: InboxWatchOptions;
  readonly #listening: Disposable;
  readonly #work = new Map<OrgId, Promise<void>>();

  constructor(options: InboxWatchOptions) {
    this.#options = options;
    this.#listening = options.log.onChange((change) => this.#enqueue(change));
  }

  /** Every inbox of an org against the log as it is now. */
  async checkAll(org: OrgId, api: JetStreamApi): Promise<void> {
    const replica = this.#options.log.replica(org);
    if (replica !== undefined) await restrictAll(new InboxConsumers(api), replica);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listening[Symbol.dispose]();
    await Promise.all(this.#work.values());
  }

  /** One entry after the other, an org at a time. */
  #enqueue({ org, replica }: LogChange<LogReplica>): void {
    const before = this.#work.get(org) ?? Promise.resolve();
    const work = before.then(() => this.#restrict(org, replica));
    this.#work.set(org, work);
  }

  async #restrict(org: OrgId, replica: LogReplica): Promise<void> {
    let api: JetStreamApi;
    try {
      api = this.#options.orgApi(org);
    } catch {
      return;
    }
    try {
      await restrictAfter(new InboxConsumers(api), replica);
    } catch (error) {
      this.#options.onTrouble({ org, error });
    }
  }
}
