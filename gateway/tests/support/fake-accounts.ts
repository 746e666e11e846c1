import { CloisterError, equalBytes, idBytes, type OrgId, orgIdFromBytes } from "@cloister/base";
import { logSubject, parseMessage } from "@cloister/proto";
import type { TestOrg } from "@cloister/rules/testing";
import {
  createDispatcher,
  NatsService,
  parseServiceSubject,
  serviceSubscription,
} from "@cloister/server-kit";
import { type JetStreamClient, jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";

const service = "cloister.accounts.v1.AccountsService";

/**
 * Stands for accounts in tests of the gateway alone: the same subject, the same messages, the log
 * in the same stream, and the real rules behind it; the org lives in the test's memory.
 */
export class FakeAccounts implements AsyncDisposable {
  readonly claimSecret = crypto.getRandomValues(new Uint8Array(32));
  /** The org that the claim founds. */
  readonly #founding: TestOrg;
  readonly #accountsOf: (org: OrgId) => OrgAccountKeys;
  readonly #connection: NatsConnection;
  readonly #jetStream: JetStreamClient;
  readonly #published = new Map<OrgId, number>();
  readonly #orgs = new Map<OrgId, TestOrg>();
  #service: AsyncDisposable | undefined;

  private constructor(input: FakeAccountsInput) {
    this.#connection = input.connection;
    this.#founding = input.founding;
    this.#accountsOf = input.accountsOf;
    this.#jetStream = jetstream(input.connection);
  }

  static async start(input: FakeAccountsInput): Promise<FakeAccounts> {
    const manager = await jetstreamManager(input.connection);
    await manager.streams.add({
      name: "LOG",
      subjects: ["log.*"],
      max_bytes: 64 << 20,
      allow_direct: true,
    });
    const accounts = new FakeAccounts(input);
    accounts.resume();
    return accounts;
  }

  /** Publishes what the org's log has and the stream does not. */
  async publish(org: TestOrg): Promise<void> {
    this.#orgs.set(org.id, org);
    const from = this.#published.get(org.id) ?? 0;
    this.#published.set(org.id, org.records.length);
    for (const record of org.records.slice(from)) {
      await this.#jetStream.publish(logSubject(org.id), record);
    }
  }

  async stop(): Promise<void> {
    await this.#service?.[Symbol.asyncDispose]();
    if (!this.#connection.isClosed()) await this.#connection.flush();
    this.#service = undefined;
  }

  resume(): void {
    const dispatch = createDispatcher({
      service,
      timeoutMs: 10_000,
      onFault: () => undefined,
      handlers: {
        ReserveOrg: async ({ claimSecret }) => {
          this.#checkClaim(claimSecret);
          const { logKey, relay } = this.#founding;
          return {
            logKey: idOfKey(logKey.publicKey),
            relayKey: idOfKey(relay.key.publicKey),
            relayNatsSigningKey: relay.natsSigningKey,
          };
        },
        CreateOrg: async ({ claimSecret, genesis }) => {
          this.#checkClaim(claimSecret);
          const [first = new Uint8Array(0)] = this.#founding.records;
          const { entry } = parseMessage("cloister.statements.v1.LogRecord", first);
          const { statement } = parseMessage("cloister.statements.v1.LogEntry", entry);
          if (!equalBytes(statement, genesis)) throw refused("another genesis");
          await this.publish(this.#founding);
          return this.#taken(this.#founding, 0);
        },
        Submit: async ({ orgId, statement }) => {
          const org = this.#orgs.get(orgIdFromBytes(orgId));
          if (org === undefined) throw refused("no such org");
          await org.append(statement);
          await this.publish(org);
          return this.#taken(org, org.size - 1);
        },
        AnnounceRelay: async () => ({ orgs: [] }),
      },
    });
    this.#service = new NatsService({
      connection: this.#connection,
      subject: serviceSubscription("accounts"),
      queue: "accounts",
      parseSubject: (subject) => {
        const caller = parseServiceSubject("accounts", subject);
        return caller === undefined ? undefined : { method: caller.method, caller };
      },
      admit: (caller) => caller,
      dispatch,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #taken(org: TestOrg, position: number) {
    return {
      position: BigInt(position),
      logRecord: org.records[position] ?? new Uint8Array(0),
      ...this.#accountsOf(org.id),
    };
  }

  #checkClaim(secret: Uint8Array): void {
    if (!equalBytes(secret, this.claimSecret)) throw refused("unknown claim");
  }
}

export interface OrgAccountKeys {
  readonly natsAccount: string;
  readonly natsStoreAccount: string;
}

export interface FakeAccountsInput {
  /** In the account ACCOUNTS. */
  readonly connection: NatsConnection;
  readonly founding: TestOrg;
  readonly accountsOf: (org: OrgId) => OrgAccountKeys;
}

function refused(message: string): Error {
  return new CloisterError({ kind: "Policy", code: "ERR_TEST_REFUSED", message });
}

function idOfKey(key: string): Uint8Array {
  return idBytes(key as never);
}
