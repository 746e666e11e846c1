import { once } from "node:events";
import { Agent, request as httpsRequest } from "node:https";
import { type EpochMs, idBytes, type OrgId, type Signer, signingInput } from "@cloister/base";
import {
  commonV1,
  encodeRequest,
  type MethodName,
  methodRule,
  parseMessage,
  parseReply,
  type RequestOf,
  type ResponseOf,
} from "@cloister/proto";

const service = "cloister.gateway.v1.GatewayService";
export type GatewayMethod =
  Extract<MethodName, `${typeof service}/${string}`> extends `${typeof service}/${infer Name}`
    ? Name
    : never;
type Full<Name extends GatewayMethod> = Extract<MethodName, `${typeof service}/${Name}`>;

export type RequestSigner = Signer<"session"> | Signer<"statement"> | Signer<"invitation">;

/** Who a test calls as: what the request names, and the key that signs it. */
export interface TestCaller {
  readonly org: OrgId;
  readonly caller: commonV1.Request["caller"];
  readonly signer: RequestSigner;
}

/** What a hostile test changes of a call that would be right. */
export interface Tampering {
  readonly nonce?: Uint8Array;
  readonly timeMs?: EpochMs | number;
  readonly checkpoint?: Uint8Array;
  /** Full name inside the request. */
  readonly method?: string;
  readonly orgId?: Uint8Array;
  readonly caller?: commonV1.Request["caller"];
  readonly signer?: RequestSigner;
  readonly signature?: Uint8Array;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Uint8Array;
}

const none = new Uint8Array(0);

/** Calls a gateway, for tests alone: typed, over real TLS. */
export class TestClient implements Disposable {
  readonly #options: { readonly port: number; readonly caPem: string };
  readonly #agent: Agent;

  constructor(options: { readonly port: number; readonly caPem: string }) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 16, ca: options.caPem });
  }

  async call<Name extends GatewayMethod>(
    name: Name,
    request: RequestOf<Full<Name>>,
    who?: TestCaller & Tampering,
  ): Promise<ResponseOf<Full<Name>>> {
    const { body } = await this.send(name, await signedCall(name, request, who));
    const method = fullName(name);
    const response = parseMessage(methodRule(method).response, parseReply(body));
    return response as ResponseOf<Full<Name>>;
  }

  async send(path: string, body: Uint8Array): Promise<RawAnswer> {
    const call = httpsRequest({
      host: "127.0.0.1",
      port: this.#options.port,
      path: `/v1/${path}`,
      method: "POST",
      headers: { "content-type": "application/x-protobuf", "content-length": body.length },
      agent: this.#agent,
    });
    call.end(body);
    const [response] = await once(call, "response");
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part);
    return {
      status: response.statusCode,
      headers: response.headers,
      body: Uint8Array.from(Buffer.concat(parts)),
    };
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

/** Encoded SignedRequest. */
export function signedCall<Name extends GatewayMethod>(
  name: Name,
  request: RequestOf<Full<Name>>,
  who?: TestCaller & Tampering,
): Promise<Uint8Array> {
  return signedBytes(name, encodeRequest(fullName(name), request), who);
}

/** The same around whatever payload a test makes up. */
export async function signedBytes(
  name: GatewayMethod,
  payload: Uint8Array,
  who?: TestCaller & Tampering,
): Promise<Uint8Array> {
  const encoded = commonV1.Request.encode({
    method: who?.method ?? fullName(name),
    orgId: who?.orgId ?? (who === undefined ? none : idBytes(who.org)),
    caller: who !== undefined && "caller" in who ? who.caller : undefined,
    nonce: who?.nonce ?? crypto.getRandomValues(new Uint8Array(16)),
    timeMs: BigInt(Math.floor(who?.timeMs ?? Date.now())),
    checkpoint: who?.checkpoint ?? none,
    payload,
  }).finish();
  const signature =
    who?.signature ?? (await who?.signer.sign(signingInput("request", who.org, encoded))) ?? none;
  return commonV1.SignedRequest.encode({ request: encoded, signature }).finish();
}

/** What an answer was refused with; undefined if it was not. */
export function errorOf(answer: RawAnswer): Refusal | undefined {
  try {
    parseReply(answer.body);
    return undefined;
  } catch (error) {
    return error as Refusal;
  }
}

export function fullName<Name extends GatewayMethod>(name: Name): Full<Name> {
  return `${service}/${name}` as Full<Name>;
}

export interface Refusal {
  readonly code: string;
  readonly kind: string;
  readonly message: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, string>>;
}

/** What a call was refused with; fails the test if it was not. */
export async function refusal(work: Promise<unknown>): Promise<Refusal> {
  try {
    await work;
  } catch (error) {
    return error as Refusal;
  }
  throw new Error("the call was expected to be refused, and was not");
}
