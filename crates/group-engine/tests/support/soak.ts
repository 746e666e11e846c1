import assert from "node:assert/strict";
import { hex } from "./engines.ts";
import { Random } from "./random.ts";
import { type Authenticators, SoakClient, type SoakWorld } from "./soak-client.ts";
import { SoakRelay, type Submission, type Verdict } from "./soak-relay.ts";

/** How often each thing happened, over all seeds: the soak must not pass by doing nothing. */
export type Counts = Map<string, number>;

/** One world by seed. */
export class Soak {
  readonly #counts: Counts;
  readonly #random: Random;
  readonly #clients: readonly SoakClient[];
  readonly #relay: SoakRelay;
  readonly #authenticators: Authenticators = new Map();
  readonly #acknowledged = new Set<string>();
  #messageCount = 0;

  constructor(seed: number, counts: Counts) {
    this.#counts = counts;
    this.#random = new Random(seed);
    const random = this.#random;
    const world: SoakWorld = {
      random,
      groupId: random.bytes(32),
      authenticators: this.#authenticators,
    };
    this.#clients = ["a", "b", "c", "d", "e", "f", "g"].map((name) => new SoakClient(name, world));
    const { groupInfo, ratchetTree } = this.#pick(this.#clients.slice(0, 1)).found();
    this.#relay = new SoakRelay(groupInfo, ratchetTree);
    for (let added = 0; added < 3; added += 1) {
      this.#add();
      for (const client of this.#clients) this.#catchUp(client);
    }
  }

  run(stepCount: number): void {
    for (let step = 0; step < stepCount; step += 1) this.#step();
    this.#finish();
  }

  #count(event: string): void {
    this.#counts.set(event, (this.#counts.get(event) ?? 0) + 1);
  }

  #step(): void {
    if (!this.#relay.isUp && this.#random.chance(30)) this.#relay.restart();
    const actions = [
      [30, () => this.#catchUp(this.#pick(this.#clients))],
      [24, () => this.#talk()],
      [8, () => this.#commit({})],
      [8, () => this.#add()],
      [6, () => this.#remove()],
      [6, () => this.#race()],
      [6, () => this.#join()],
      [4, () => this.#joinAgainstRemove()],
      [5, () => this.#pick(this.#clients).crash()],
      [3, () => this.#lose()],
    ] as const;
    let draw = this.#random.below(100);
    for (const [weight, act] of actions) {
      draw -= weight;
      if (draw < 0) {
        act();
        return;
      }
    }
  }

  #pick<T>(items: readonly T[]): T {
    return this.#random.pick(items);
  }

  get #members(): SoakClient[] {
    return this.#clients.filter(({ now }) => now.isMember);
  }

  /** Clients that are no members and wait for nothing. */
  get #outsiders(): SoakClient[] {
    return this.#clients.filter((client) => !client.now.isMember && !this.#isInTree(client));
  }

  #isInTree(client: SoakClient): boolean {
    const key = hex(client.device.engine.signatureKey);
    return this.#relay.view.members().some(({ signatureKey }) => hex(signatureKey) === key);
  }

  #catchUp(client: SoakClient): void {
    client.sync(this.#relay);
    if (client.now.isMember || client.now.attempt !== undefined || !this.#relay.isUp) return;
    if (this.#isInTree(client)) this.#useWelcome(client);
  }

  /** In the tree and yet no member: by a Welcome not yet used, or a lost disk. */
  #useWelcome(client: SoakClient): void {
    const hasKeys = client.device.disk.size > 0;
    if (hasKeys) {
      client.joinByWelcome(this.#relay);
      this.#count("join by Welcome");
    } else {
      this.#submitJoin(client);
      this.#count("resync");
    }
    client.sync(this.#relay);
  }

  /** An up-to-date member without a pending commit, if there is one. */
  #committer(): SoakClient | undefined {
    if (!this.#relay.isUp || this.#members.length === 0) return undefined;
    const client = this.#pick(this.#members);
    client.sync(this.#relay);
    const { groupId } = this.#relay.view;
    const isReady = client.now.isMember && !client.device.engine.hasPending(groupId);
    return isReady ? client : undefined;
  }

  #submit(client: SoakClient, submission: Submission): Verdict {
    const isKilled = this.#random.chance(12);
    const verdict = this.#relay.submit(submission, isKilled);
    this.#count(isKilled && verdict === "down" ? "relay killed between append and fence" : verdict);
    if (this.#random.chance(10)) client.crash();
    else client.settle(verdict);
    return verdict;
  }

  #commit(wish: { removes?: number[] }): void {
    const client = this.#committer();
    if (client === undefined) return;
    this.#submit(client, client.prepare(wish));
  }

  #add(): void {
    const client = this.#committer();
    if (client === undefined || this.#outsiders.length === 0) return;
    const guest = this.#pick(this.#outsiders);
    const submission = client.prepare({ adds: [guest.invitation()] }, guest.name);
    this.#submit(client, submission);
  }

  #remove(): void {
    const client = this.#committer();
    if (client === undefined) return;
    const others = this.#relay.view
      .members()
      .filter(({ leafIndex }) => leafIndex !== client.ownLeaf);
    if (others.length < 3) return;
    this.#submit(client, client.prepare({ removes: [this.#pick(others).leafIndex] }));
    this.#count("remove");
  }

  /** Two commits of one epoch: the loser clears its own and processes the winner's. */
  #race(): void {
    const [first, second] = [this.#committer(), this.#committer()];
    if (first === undefined || second === undefined || first === second) return;
    const submissions = [first, second].map((client) => [client, client.prepare({})] as const);
    const verdicts = submissions.map(([client, unit]) => this.#submit(client, unit));
    if (verdicts.includes("accepted") && verdicts.includes("refused"))
      this.#count("race lost and healed");
    if (this.#relay.isUp) for (const client of [first, second]) client.sync(this.#relay);
  }

  #submitJoin(client: SoakClient, submission = client.prepareJoin(this.#relay)): void {
    const isKilled = this.#random.chance(12);
    const verdict = this.#relay.submit(submission, isKilled);
    if (verdict === "accepted") this.#count("external join");
    if (verdict === "refused") this.#count("external join refused");
    if (this.#random.chance(15)) client.crash();
    client.resolveJoin(this.#relay);
  }

  #join(): void {
    if (!this.#relay.isUp || this.#outsiders.length === 0) return;
    const client = this.#pick(this.#outsiders);
    client.sync(this.#relay);
    if (client.now.attempt === undefined) this.#submitJoin(client);
  }

  #joinAgainstRemove(): void {
    if (!this.#relay.isUp || this.#outsiders.length === 0) return;
    const client = this.#pick(this.#outsiders);
    client.sync(this.#relay);
    if (client.now.attempt !== undefined) return;
    const submission = client.prepareJoin(this.#relay);
    this.#remove();
    if (this.#relay.isUp) this.#submitJoin(client, submission);
  }

  #talk(): void {
    if (this.#members.length === 0) return;
    const client = this.#pick(this.#members);
    this.#messageCount += 1;
    client.write(`m${this.#messageCount}`, "x".repeat(this.#random.below(400)));
    const mayBeStale = this.#random.chance(50);
    if (!mayBeStale) client.sync(this.#relay);
    this.#flush(client);
  }

  #flush(client: SoakClient): void {
    for (const innerId of client.flush(this.#relay)) {
      if (this.#acknowledged.has(innerId)) this.#count("sent twice");
      this.#acknowledged.add(innerId);
      this.#count("message stored");
    }
    if (client.now.isMember && client.now.outbox.size > 0) this.#count("refused behind the fence");
  }

  #lose(): void {
    if (!this.#relay.isUp || this.#members.length < 2) return;
    const client = this.#pick(this.#members);
    client.loseState();
    this.#count("disk lost");
  }

  /** Everybody comes back; everything waits for nobody any more. */
  #finish(): void {
    if (!this.#relay.isUp) this.#relay.restart();
    for (let round = 0; round < 30; round += 1) {
      if (!this.#relay.isUp) this.#relay.restart();
      for (const client of this.#clients) {
        this.#catchUp(client);
        if (client.now.isMember) this.#flush(client);
      }
    }
    if (!this.#relay.isUp) this.#relay.restart();
    for (const client of this.#clients) client.sync(this.#relay);
    for (const client of this.#members) this.#check(client);
    assert.ok(this.#members.length > 0, "somebody is left");
  }

  #check(client: SoakClient): void {
    const { view, stream } = this.#relay;
    assert.deepEqual(client.device.engine.context(view.groupId), view.context());
    assert.equal(client.now.outbox.size, 0);
    const readable = stream.slice(client.now.since).flatMap((entry) => {
      return entry.kind === "message" && entry.sender !== client.name ? [entry.innerId] : [];
    });
    const missing = readable.filter((innerId) => !client.now.read.has(innerId));
    assert.deepEqual(missing, []);
  }
}
