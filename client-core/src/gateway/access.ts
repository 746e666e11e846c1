import {
  type EpochMs,
  hasErrorCode,
  idBytes,
  isCloisterError,
  parseEpochMs,
  publicKeyBytes,
  type RoomId,
  SecretBytes,
  type Signer,
  utf8Bytes,
} from "@cloister/base";
import {
  type gatewayV1,
  type MethodName,
  type RequestOf,
  type ResponseOf,
  statementsV1,
} from "@cloister/proto";
import type { Identity } from "../identity/identity.ts";
import { createSigner } from "../identity/keys.ts";
import type { ClientPorts } from "../ports.ts";
import { encodeStored, fieldsOf, parseStored, storedBytes } from "../store/frame.ts";
import { storeKeys } from "../store/keys.ts";
import type { SealedStore } from "../store/seal-store.ts";
import type { GatewayCaller } from "./call.ts";

/** Renewed this long before its end. */
const SESSION_MARGIN_MS = 5 * 60_000;
const PASS_MARGIN_MS = 60_000;

/** What the gateway has decided, and for how long. */
export interface Admission {
  readonly natsJwt: string;
  readonly pass: Uint8Array;
  readonly expiresMs: EpochMs;
  readonly natsUrls: readonly string[];
  readonly decisions: readonly gatewayV1.Decision[];
}

/** The device's session with its gateway, and what it is good for. */
export interface Access {
  readonly admission: Admission | undefined;
  /** The newest decision, asked for anew if it is about to expire or `isForced`. */
  admit(isForced?: boolean): Promise<Admission>;
  grantJoin(room: RoomId, epoch: bigint, leafKey: Uint8Array): Promise<Uint8Array>;
  explain(request: gatewayV1.ExplainRequest): Promise<gatewayV1.Decision | undefined>;
  enrolTotp(): Promise<string>;
  presentTotp(proof: string): Promise<void>;
}

export interface AccessOptions {
  readonly ports: ClientPorts;
  readonly store: SealedStore;
  readonly identity: Identity;
  readonly statement: Signer<"statement">;
  readonly gateway: GatewayCaller;
  readonly checkpoint: () => Uint8Array;
  /** Rooms to name, where they are more than one connection takes; none: all. */
  readonly rooms: () => readonly RoomId[];
}

interface Session extends Disposable {
  readonly token: Uint8Array;
  readonly seed: SecretBytes;
  readonly signer: Signer<"session">;
  readonly expiresMs: EpochMs;
}

const service = "cloister.gateway.v1.GatewayService";

export function createAccess(options: AccessOptions): Access {
  return new GatewayAccess(options);
}

class GatewayAccess implements Access {
  readonly #options: AccessOptions;
  #session: Promise<Session> | undefined;
  #admission: Admission | undefined;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  get admission(): Admission | undefined {
    return this.#admission;
  }

  async admit(isForced = false): Promise<Admission> {
    const now = this.#options.ports.clock.now();
    const known = this.#admission;
    if (!isForced && known !== undefined && known.expiresMs - PASS_MARGIN_MS > now) return known;
    const answer = await this.#call(`${service}/Connect`, {
      roomIds: this.#options.rooms().map(idBytes),
    });
    const admission = {
      natsJwt: answer.natsJwt,
      pass: answer.pass,
      expiresMs: parseEpochMs(answer.expiresMs),
      natsUrls: answer.natsUrls,
      decisions: answer.decisions,
    };
    this.#admission = admission;
    return admission;
  }

  async grantJoin(room: RoomId, epoch: bigint, leafKey: Uint8Array): Promise<Uint8Array> {
    const request = { roomId: idBytes(room), leafKey, epoch };
    const { grant } = await this.#call(`${service}/GrantJoin`, request);
    return grant;
  }

  async explain(request: gatewayV1.ExplainRequest): Promise<gatewayV1.Decision | undefined> {
    const { decision } = await this.#call(`${service}/Explain`, request);
    return decision;
  }

  async enrolTotp(): Promise<string> {
    const factor = statementsV1.Factor.FACTOR_TOTP;
    const { provisioning } = await this.#call(`${service}/EnrolFactor`, { factor });
    return provisioning;
  }

  async presentTotp(proof: string): Promise<void> {
    const session = await this.#open();
    const { sessionToken, expiresMs } = await this.#call(`${service}/PresentFactor`, {
      factor: statementsV1.Factor.FACTOR_TOTP,
      proof: utf8Bytes(proof),
    });
    const renewed = { ...session, token: sessionToken, expiresMs: parseEpochMs(expiresMs) };
    await this.#keep(renewed);
    this.#session = Promise.resolve(renewed);
    this.#admission = undefined;
  }

  /** Signs in again once if the gateway no longer takes the session. */
  async #call<Name extends MethodName>(
    method: Name,
    request: RequestOf<Name>,
  ): Promise<ResponseOf<Name>> {
    try {
      return await this.#callOnce(method, request);
    } catch (error) {
      if (!isStaleSession(error)) throw error;
      await this.#options.store.transaction({ puts: [], deletes: [storeKeys.session] });
      this.#session = undefined;
      return this.#callOnce(method, request);
    }
  }

  async #callOnce<Name extends MethodName>(
    method: Name,
    request: RequestOf<Name>,
  ): Promise<ResponseOf<Name>> {
    const { gateway, identity, checkpoint } = this.#options;
    const { token, signer } = await this.#open();
    const caller = { kind: "session", token, signer } as const;
    return gateway.call({
      method,
      request,
      caller,
      org: identity.orgId,
      checkpoint: checkpoint(),
    });
  }

  async #open(): Promise<Session> {
    const known = await this.#session;
    const now = this.#options.ports.clock.now();
    if (known !== undefined && known.expiresMs - SESSION_MARGIN_MS > now) return known;
    this.#session = this.#restoreOrSignIn();
    try {
      return await this.#session;
    } catch (error) {
      this.#session = undefined;
      throw error;
    }
  }

  async #restoreOrSignIn(): Promise<Session> {
    const { store, ports } = this.#options;
    const stored = await store.get(storeKeys.session);
    const kept = stored === undefined ? undefined : this.#parse(stored);
    if (kept !== undefined && kept.expiresMs - SESSION_MARGIN_MS > ports.clock.now()) return kept;
    return this.#signIn();
  }

  async #signIn(): Promise<Session> {
    const { ports, identity, statement, gateway, checkpoint } = this.#options;
    const seed = SecretBytes.random(ports.random, 32);
    const signer = createSigner("session", seed, ports.crypto);
    const answer = await gateway.call({
      method: `${service}/SignIn`,
      request: { sessionKey: publicKeyBytes(signer.publicKey) },
      caller: { kind: "device", device: identity.deviceId, signer: statement },
      org: identity.orgId,
      checkpoint: checkpoint(),
    });
    const session = this.#own(seed, answer.sessionToken, parseEpochMs(answer.expiresMs));
    await this.#keep(session);
    return session;
  }

  #own(seed: SecretBytes, token: Uint8Array, expiresMs: EpochMs): Session {
    const signer = createSigner("session", seed, this.#options.ports.crypto);
    return { seed, token, expiresMs, signer, [Symbol.dispose]: () => seed[Symbol.dispose]() };
  }

  #parse(stored: Uint8Array): Session {
    const { header, body } = parseStored(stored);
    const fields = fieldsOf(header);
    const expiresMs = parseEpochMs(fields.number("expiresMs"));
    return this.#own(SecretBytes.from(fields.bytes("seed")), Uint8Array.from(body), expiresMs);
  }

  async #keep({ seed, token, expiresMs }: Session): Promise<void> {
    const header = { seed: seed.expose((bytes) => storedBytes(bytes)), expiresMs };
    await this.#options.store.transaction({
      puts: [{ key: storeKeys.session, value: encodeStored(header, token) }],
      deletes: [],
    });
  }
}

/** The gateway does not take the token: expired, or its key was changed. */
function isStaleSession(error: unknown): boolean {
  return (
    isCloisterError(error) &&
    (hasErrorCode(error, "ERR_VERIFICATION_TOKEN_EXPIRED") ||
      hasErrorCode(error, "ERR_VERIFICATION_TOKEN_SIGNATURE") ||
      hasErrorCode(error, "ERR_VERIFICATION_GATEWAY"))
  );
}
