/** Calls: one middleware before every handler, served over NATS, and the caller's side of it. */
export {
  type Answer,
  type CallContext,
  createDispatcher,
  type Dispatch,
  type DispatcherOptions,
  type IncomingCall,
  type ServiceHandlers,
} from "./dispatch.ts";
export { callNats, type OutgoingCall } from "./nats-client.ts";
export {
  MAX_CALLS_IN_FLIGHT,
  NatsService,
  type NatsServiceOptions,
  type SubjectFacts,
} from "./nats-service.ts";
export { rpcErrors } from "./rpc-errors.ts";
