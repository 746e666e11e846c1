import { type Codec, messages } from "../gen/messages.ts";
import { methods } from "../gen/methods.ts";
import { protoErrors } from "./errors.ts";
import type { MessageName, MessageOf } from "./validate.ts";

/** Service and method, such as `cloister.gateway.v1.GatewayService/SignIn`. */
export type MethodName = keyof typeof methods;

/** Who may call, as the method's option in the contract says. */
export type MethodAccess = (typeof methods)[MethodName]["access"];

export interface MethodRule {
  readonly service: string;
  readonly name: string;
  readonly access: MethodAccess;
  readonly request: MessageName;
  readonly response: MessageName;
}

export type RequestOf<Name extends MethodName> = MessageOf<(typeof methods)[Name]["request"]>;
export type ResponseOf<Name extends MethodName> = MessageOf<(typeof methods)[Name]["response"]>;

/** The names of a service's methods without the service. */
export type MethodOfService<Service extends string> = MethodName extends infer Name
  ? Name extends `${Service}/${infer Method}`
    ? Method
    : never
  : never;

export function isMethodName(text: string): text is MethodName {
  return Object.hasOwn(methods, text);
}

/** The rule of a method named by an untrusted caller; an unknown name refuses. */
export function parseMethodName(text: string): MethodName {
  if (!isMethodName(text)) throw protoErrors.ERR_METHOD_UNKNOWN("no such method");
  return text;
}

export function methodRule(name: MethodName): MethodRule {
  return methods[name];
}

export function encodeRequest<Name extends MethodName>(
  name: Name,
  request: RequestOf<Name>,
): Uint8Array<ArrayBuffer> {
  return encodeMessage(methods[name].request, request);
}

export function encodeResponse<Name extends MethodName>(
  name: Name,
  response: ResponseOf<Name>,
): Uint8Array<ArrayBuffer> {
  return encodeMessage(methods[name].response, response);
}

/** Encodes by full name; where the type is known, use its codec. */
export function encodeMessage<Name extends MessageName>(
  name: Name,
  message: MessageOf<Name>,
): Uint8Array<ArrayBuffer> {
  // The table pairs each name with its codec; a generic index cannot tell TypeScript so.
  const codec = messages[name] as unknown as Codec<MessageOf<Name>>;
  return Uint8Array.from(codec.encode(message).finish());
}
