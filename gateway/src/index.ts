/** The policy gateway: sign-in, factors, decisions, and the tokens that follow from them. */
export { type GatewayConfig, parseGatewayConfig } from "./config.ts";
export { gatewayErrors } from "./errors.ts";
export { defaultRates, type Rate, type Rates } from "./rate-limits.ts";
export {
  type GatewayDeps,
  type GatewayFault,
  type RunningGateway,
  startGateway,
} from "./start-gateway.ts";
