export { gatewayErrors } from "./errors.ts";
