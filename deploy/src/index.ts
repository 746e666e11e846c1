/** One box that lasts: made offline, every role a supervised child, controlled over a local socket. */

export { freePort as freeLoopbackPort } from "@cloister/server-kit";
export { type Claim, formatClaim, parseClaim } from "./claim-text.ts";
export type { RoleStatus, ServerStatus } from "./control.ts";
export { deployErrors } from "./errors.ts";
export {
  type InitialisedServer,
  type InitServerOptions,
  initServer,
  issueServerClaim,
} from "./init-server.ts";
export { type HeldMessage, readOutStreams } from "./read-out.ts";
export { type RunServerOptions, runServer } from "./run-server.ts";
export { serverHome } from "./server-home.ts";
export {
  type StartServerOptions,
  serverStatus,
  startServer,
  stopServer,
} from "./start-server.ts";
