/**
 * The contract: generated codecs by concern and version, their rules, methods and who may call
 * them, subject names. Pure: the same code runs in Node and in a browser.
 */
export * as accountsV1 from "../gen/cloister/accounts/v1/accounts.ts";
export * as commonV1 from "../gen/cloister/common/v1/common.ts";
export * as gatewayV1 from "../gen/cloister/gateway/v1/gateway.ts";
export * as relayV1 from "../gen/cloister/relay/v1/relay.ts";
export * as roomsV1 from "../gen/cloister/rooms/v1/rooms.ts";
export * as statementsV1 from "../gen/cloister/statements/v1/statements.ts";
export { methods } from "../gen/methods.ts";
export { protoErrors } from "./errors.ts";
export * from "./methods.ts";
export * from "./nkey.ts";
export { encodeErrorReply, encodeReply, parseReply } from "./reply.ts";
export * from "./subjects.ts";
export { type MessageName, type MessageOf, parseMessage, validate } from "./validate.ts";
