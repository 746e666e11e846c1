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
export { startNats } from "./nats-child.ts";
export { type HeldMessage, readOutStreams } from "./read-out.ts";
export { type RoleChild, type RoleName, roleChild } from "./role-children.ts";
export { type Box, roleEnvironment } from "./role-environment.ts";
export { type RunServerOptions, runServer } from "./run-server.ts";
export { readSettings, serverHome } from "./server-home.ts";
export {
  type StartServerOptions,
  serverStatus,
  startServer,
  stopServer,
} from "./start-server.ts";
