import {
  isMethodName,
  type MethodAccess,
  type MethodRule,
  methodRule,
  methods,
} from "@cloister/proto";
import { gatewayErrors } from "../errors.ts";
import { MAX_CALL_BYTES, MAX_STATEMENT_CALL_BYTES } from "../limits.ts";

export const gatewayService = "cloister.gateway.v1.GatewayService";

/** The access rules that this gateway knows how to check. */
const knownAccess: readonly string[] = [
  "ACCESS_PUBLIC",
  "ACCESS_INVITATION",
  "ACCESS_DEVICE",
  "ACCESS_SESSION",
  "ACCESS_DEVICE_OR_INVITATION",
] satisfies MethodAccess[];

/** Messages of the contract that carry a statement. */
const statementRequests: readonly string[] = [
  "cloister.gateway.v1.SubmitStatementRequest",
  "cloister.gateway.v1.CreateOrgRequest",
];

export interface ServedMethod {
  readonly name: string;
  readonly maxBodyBytes: number;
}

/** Refuses a method that does not say who may call it, or says it in a way unknown here. */
export function parseServedMethod(
  rule: Pick<MethodRule, "name" | "request"> & { readonly access?: string | undefined },
): ServedMethod {
  if (rule.access === undefined || !knownAccess.includes(rule.access)) {
    throw gatewayErrors.ERR_METHOD_ACCESS(`${rule.name} does not say who may call it here`, {
      details: { method: rule.name, access: rule.access ?? "none" },
    });
  }
  const carriesStatement = statementRequests.includes(rule.request);
  return {
    name: rule.name,
    maxBodyBytes: carriesStatement ? MAX_STATEMENT_CALL_BYTES : MAX_CALL_BYTES,
  };
}

/** Every method of the service as the contract has it. */
export function servedMethods(): ServedMethod[] {
  return Object.keys(methods)
    .filter((name) => name.startsWith(`${gatewayService}/`))
    .filter(isMethodName)
    .map((name) => parseServedMethod(methodRule(name)));
}
