import {
  encodeRequest,
  type MethodName,
  methodRule,
  parseMessage,
  parseReply,
  type RequestOf,
  type ResponseOf,
} from "@cloister/proto";
import { errors, type NatsConnection } from "@nats-io/nats-core";
import { rpcErrors } from "./rpc-errors.ts";

export interface OutgoingCall<Name extends MethodName> {
  readonly connection: NatsConnection;
  readonly subject: string;
  readonly method: Name;
  readonly request: RequestOf<Name>;
  readonly timeoutMs: number;
}

/** Calls a service over NATS: its response, or the error that it told, typed. */
export async function callNats<Name extends MethodName>(
  call: OutgoingCall<Name>,
): Promise<ResponseOf<Name>> {
  const { connection, subject, timeoutMs } = call;
  const bytes = encodeRequest(call.method, call.request);
  let reply: Uint8Array;
  try {
    const message = await connection.request(subject, bytes, { timeout: timeoutMs });
    // The client library reuses its buffers.
    reply = Uint8Array.from(message.data);
  } catch (error) {
    throw callError(error);
  }
  // The table of methods pairs each name with its response; the compiler does not follow the pair.
  return parseMessage(methodRule(call.method).response, parseReply(reply)) as ResponseOf<Name>;
}

function callError(error: unknown): Error {
  if (error instanceof errors.TimeoutError) {
    return rpcErrors.ERR_RPC_TIMEOUT("the service did not answer in time", { cause: error });
  }
  return rpcErrors.ERR_RPC_UNAVAILABLE("the service cannot be reached", { cause: error });
}
