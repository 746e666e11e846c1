import {
  accountIdFromBytes,
  addMs,
  CloisterError,
  idBytes,
  publicKeyBytes,
  type RoomId,
  roomIdFromBytes,
} from "@cloister/base";
import type { HttpPort } from "@cloister/client-core";
import {
  commonV1,
  encodeErrorReply,
  encodeReply,
  encodeResponse,
  gatewayV1,
  type MethodName,
  methodRule,
  nkeyBytes,
  parseMessage,
  statementsV1,
} from "@cloister/proto";
import {
  decide,
  policyHash,
  roomsOfAccount,
  signGrant,
  signPass,
  signSession,
  verifyRequest,
  verifySession,
} from "@cloister/rules";
import type { MemoryAccounts } from "./accounts.ts";
import type { Gate } from "./gate.ts";
import { testClock } from "./test-clock.ts";

const service = "cloister.gateway.v1.GatewayService";

/** The gateway's methods over rules/, without storage. */
export class MemoryGateway {
  readonly accounts: MemoryAccounts;
  isDown = false;
  clockSkewMs = 0;
  /** What `PresentFactor` takes. */
  totpCode = "123456";

  constructor(accounts: MemoryAccounts) {
    this.accounts = accounts;
  }

  port(gate: Gate): HttpPort {
    return {
      post: ({ path, body }) =>
        gate.cross(`http ${path}`, async () => {
          if (this.isDown) throw offline();
          try {
            const payload = await this.#handle(path.slice("/v1/".length), body);
            return { status: 200, body: encodeReply(payload) };
          } catch (error) {
            return { status: 400, body: encodeErrorReply(error) };
          }
        }),
    };
  }

  async #handle(name: string, body: Uint8Array): Promise<Uint8Array> {
    const signed = parseMessage("cloister.common.v1.SignedRequest", body);
    const request = commonV1.Request.decode(signed.request);
    const method = `${service}/${name}` as MethodName;
    const payload = parseMessage(methodRule(method).request, request.payload) as never;
    if (name === "ReserveOrg") return this.#reserve();
    if (name === "CreateOrg") return this.#create(payload);
    const nowMs = addMs(testClock.now(), this.clockSkewMs);
    const { state, size: at } = this.accounts;
    verifyRequest(state, { request: body, method, at, nowMs });
    switch (name) {
      case "GetLog": {
        const { from, maxRecords } = payload as gatewayV1.GetLogRequest;
        const page = this.accounts.page(Number(from), maxRecords);
        return encodeResponse(`${service}/GetLog`, page);
      }
      case "Register":
      case "SubmitStatement": {
        const { statement } = payload as gatewayV1.SubmitStatementRequest;
        const position = await this.accounts.submit(statement);
        const logRecord = this.accounts.records[position] ?? new Uint8Array(0);
        return encodeResponse(`${service}/SubmitStatement`, {
          position: BigInt(position),
          logRecord,
        });
      }
      case "SignIn":
        return this.#signIn(request, payload);
      default:
        return this.#session(name, request, payload);
    }
  }

  #reserve(): Uint8Array {
    const { logKey, gateway, relay } = this.accounts;
    const keys = ({
      key,
      natsSigningKey,
    }: typeof gateway | typeof relay): gatewayV1.ServiceKeys => ({
      signingKey: publicKeyBytes(key.publicKey),
      natsSigningKey,
    });
    return encodeResponse(`${service}/ReserveOrg`, {
      logKey: publicKeyBytes(logKey.publicKey),
      gateway: keys(gateway),
      relay: keys(relay),
    });
  }

  async #create({ genesis }: gatewayV1.CreateOrgRequest): Promise<Uint8Array> {
    await this.accounts.found(genesis);
    return encodeResponse(`${service}/CreateOrg`, {
      logRecord: this.accounts.records[0] ?? new Uint8Array(0),
    });
  }

  async #signIn(
    request: commonV1.Request,
    { sessionKey }: gatewayV1.SignInRequest,
    factors: gatewayV1.Session["factors"] = [],
  ): Promise<Uint8Array> {
    const sessionToken = await this.#token(request, sessionKey, factors);
    return encodeResponse(`${service}/SignIn`, {
      sessionToken,
      expiresMs: BigInt(addMs(testClock.now(), 86_400_000)),
      enrolledFactors: [],
    });
  }

  async #token(
    request: commonV1.Request,
    sessionKey: Uint8Array,
    factors: gatewayV1.Session["factors"],
  ): Promise<Uint8Array> {
    const { org, state, gateway, random } = this.accounts;
    const deviceId =
      request.caller?.$case === "deviceId" ? request.caller.value : new Uint8Array(16);
    const device = [...state.devices.values()].find(({ certificate }) =>
      idBytes(certificate.device).every((byte, index) => byte === deviceId[index]),
    );
    if (device === undefined) throw new TypeError("no such device");
    const nowMs = testClock.now();
    return signSession(
      org,
      {
        sessionId: random.bytes(16),
        accountId: idBytes(device.certificate.account),
        deviceId,
        sessionKey,
        issuedMs: BigInt(nowMs),
        expiresMs: BigInt(addMs(nowMs, 86_400_000)),
        factors,
      },
      gateway.key,
    );
  }

  async #session(name: string, request: commonV1.Request, payload: unknown): Promise<Uint8Array> {
    const { org, state, size: at, gateway } = this.accounts;
    if (request.caller?.$case !== "sessionToken") throw new TypeError("a session is wanted");
    const token = request.caller.value;
    const nowMs = testClock.now();
    const session = verifySession(state, { token, at, nowMs });
    const { certificate } = session.device;
    const { account } = certificate;
    const proof = { issuedMs: session.issuedMs, factors: session.factors };
    const judge = (room: RoomId): ReturnType<typeof decide> =>
      decide(state, { account, room, device: certificate.device, session: proof, at, nowMs });
    switch (name) {
      case "Connect": {
        const { roomIds } = payload as gatewayV1.ConnectRequest;
        const all = roomsOfAccount(state, { account, at }).map(({ room }) => room);
        const named = roomIds.length > 0 ? roomIds.map(roomIdFromBytes) : all;
        const decisions = named.map((room) => judge(room));
        const rooms = decisions.filter(({ allowed }) => allowed).map(({ room }) => idBytes(room));
        const expiresMs = addMs(nowMs, 3_600_000);
        const pass = await signPass(
          org,
          {
            deviceId: idBytes(certificate.device),
            nkey: nkeyBytes(certificate.nkey),
            roomIds: rooms,
            issuedMs: BigInt(nowMs),
            expiresMs: BigInt(expiresMs),
          },
          gateway.key,
        );
        return encodeResponse(`${service}/Connect`, {
          natsJwt: `${certificate.nkey}:${rooms.map((room) => roomIdFromBytes(room)).join(",")}`,
          pass,
          expiresMs: BigInt(expiresMs),
          natsUrls: ["nats://world"],
          decisions: decisions.map(decisionMessage),
        });
      }
      case "GrantJoin": {
        const { roomId, leafKey, epoch } = payload as gatewayV1.GrantJoinRequest;
        const room = roomIdFromBytes(roomId);
        const decision = judge(room);
        if (!decision.allowed)
          throw refusal(decision.rules.find(({ passed }) => !passed)?.hint ?? "");
        const grant = await signGrant(
          org,
          {
            roomId,
            accountId: idBytes(account),
            deviceId: idBytes(certificate.device),
            leafKey,
            epoch,
            policyHash: policyHash(state, { room, at }),
            logSize: BigInt(at),
            factors: [],
            issuedMs: BigInt(nowMs),
            expiresMs: BigInt(addMs(nowMs, 60_000)),
          },
          gateway.key,
        );
        return encodeResponse(`${service}/GrantJoin`, {
          grant,
          expiresMs: BigInt(addMs(nowMs, 60_000)),
        });
      }
      case "PresentFactor": {
        const { proof: code } = payload as gatewayV1.PresentFactorRequest;
        if (new TextDecoder().decode(code) !== this.totpCode)
          throw refusal("present the right code");
        const factors = [{ factor: statementsV1.Factor.FACTOR_TOTP, atMs: BigInt(nowMs) }];
        const { sessionKey } = gatewayV1.Session.decode(commonV1.Signed.decode(token).payload);
        const fresh = {
          ...request,
          caller: { $case: "deviceId", value: idBytes(certificate.device) } as const,
        };
        return encodeResponse(`${service}/PresentFactor`, {
          sessionToken: await this.#token(fresh, sessionKey, factors),
          expiresMs: BigInt(addMs(nowMs, 86_400_000)),
        });
      }
      case "Explain": {
        const asked = payload as gatewayV1.ExplainRequest;
        const decision = decide(state, {
          account: accountIdFromBytes(asked.accountId),
          room: roomIdFromBytes(asked.roomId),
          at,
          nowMs,
        });
        return encodeResponse(`${service}/Explain`, { decision: decisionMessage(decision) });
      }
      default:
        throw new TypeError(`no method ${name}`);
    }
  }
}

function decisionMessage(decision: ReturnType<typeof decide>): gatewayV1.Decision {
  return {
    roomId: idBytes(decision.room),
    allowed: decision.allowed,
    rules: decision.rules.map((rule) => ({ ...rule })),
    missingFactors: decision.missingFactors.map(() => statementsV1.Factor.FACTOR_TOTP),
  };
}

function refusal(hint: string): Error {
  return new CloisterError({
    kind: "Policy",
    code: "ERR_POLICY_REFUSED",
    message: "refused",
    hint,
  });
}

export function offline(): Error {
  return new CloisterError({
    kind: "Transport",
    code: "ERR_TEST_OFFLINE",
    message: "the network is down",
    retryable: true,
  });
}
