import { type ErrorReport, isCloisterError, reportOf } from "@cloister/base";
import {
  encodeErrorReply,
  encodeReply,
  encodeResponse,
  isMethodName,
  type MethodAccess,
  type MethodName,
  type MethodOfService,
  methodRule,
  parseMessage,
  type RequestOf,
  type ResponseOf,
} from "@cloister/proto";
import { rpcErrors } from "./rpc-errors.ts";

/** What a handler knows of a call beside its request. */
export interface CallContext<Caller> {
  readonly method: MethodName;
  /** Who the method's access rule made the call prove to be. */
  readonly caller: Caller;
  /** Ends when the answer would come too late. */
  readonly signal: AbortSignal;
}

type NamedMethod<Service extends string, Method extends string> = Extract<
  `${Service}/${Method}`,
  MethodName
>;

/** One handler for every method of a service: a missing one does not compile. */
export type ServiceHandlers<Service extends string, Caller> = {
  readonly [Method in MethodOfService<Service>]: (
    request: RequestOf<NamedMethod<Service, Method>>,
    context: CallContext<Caller>,
  ) => Promise<ResponseOf<NamedMethod<Service, Method>>>;
};

export interface IncomingCall<Caller> {
  /** Without the service: "Submit". Untrusted. */
  readonly method: string;
  /** The method's request message as it came over the wire. */
  readonly payload: Uint8Array;
  /** Returns who calls, or throws unless the call proves what `access` asks for. */
  admit(access: MethodAccess, method: MethodName): Promise<Caller> | Caller;
}

export interface Answer {
  /** Encoded `Reply`. */
  readonly reply: Uint8Array<ArrayBuffer>;
  /** Set where the call failed: for the status of the transport. */
  readonly error?: ErrorReport;
}

export interface DispatcherOptions<Service extends string, Caller> {
  readonly service: Service;
  readonly handlers: ServiceHandlers<Service, Caller>;
  readonly timeoutMs: number;
  /** Told of errors that are not the caller's doing: the caller learns nothing but their code. */
  readonly onFault: (fault: unknown, call: { readonly method: string }) => void;
}

/** Answers one call; never throws. */
export type Dispatch<Caller> = (call: IncomingCall<Caller>) => Promise<Answer>;

/**
 * The one way to a handler, for NATS and HTTP: known method, then who calls, then the rules of the
 * contract on the bytes of the wire, then the handler; an error becomes the one error envelope.
 */
export function createDispatcher<Service extends string, Caller>(
  options: DispatcherOptions<Service, Caller>,
): Dispatch<Caller> {
  return async (call) => {
    try {
      return { reply: encodeReply(await answerCall(options, call)) };
    } catch (error) {
      if (!isCloisterError(error) || error.kind === "Internal") {
        options.onFault(error, { method: call.method.slice(0, 64) });
      }
      return { reply: encodeErrorReply(error), error: reportOf(error) };
    }
  };
}

async function answerCall<Service extends string, Caller>(
  options: DispatcherOptions<Service, Caller>,
  call: IncomingCall<Caller>,
): Promise<Uint8Array> {
  const method = parseMethod(options.service, call.method);
  const rule = methodRule(method);
  const caller = await call.admit(rule.access, method);
  const request = parseMessage(rule.request, call.payload);
  const signal = AbortSignal.timeout(options.timeoutMs);
  const context: CallContext<Caller> = { method, caller, signal };
  const handler = handlerOf<Caller>(options.handlers, call.method);
  const response = await inTime(handler(request, context), signal);
  return encodeResponse(method, response);
}

function parseMethod(service: string, method: string): MethodName {
  const name = `${service}/${method}`;
  if (!isMethodName(name)) throw rpcErrors.ERR_RPC_METHOD("no such method");
  return name;
}

type AnyHandler<Caller> = (request: never, context: CallContext<Caller>) => Promise<never>;

/** The type of `handlers` pairs each method with its messages; this looks one up by name. */
function handlerOf<Caller>(
  handlers: object,
  method: string,
): (request: unknown, context: CallContext<Caller>) => Promise<never> {
  if (!Object.hasOwn(handlers, method)) throw rpcErrors.ERR_RPC_METHOD("no such method");
  const handler = (handlers as Record<string, AnyHandler<Caller>>)[method];
  if (handler === undefined) throw rpcErrors.ERR_RPC_METHOD("no such method");
  return (request, context) => handler.call(handlers, request as never, context);
}

/** Whoever asked has stopped waiting: the handler's later outcome is nobody's. */
async function inTime<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(rpcErrors.ERR_RPC_TIMEOUT("the service took too long"));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, late]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    work.catch(() => undefined);
  }
}
