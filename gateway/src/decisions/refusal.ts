import { type Decision, type DecisionQuery, decide, type OrgState } from "@cloister/rules";
import { gatewayErrors } from "../errors.ts";

/**
 * The error that says why a decision refuses: the rule by name, and what to do. Factors are asked
 * for only where they would help: whoever is denied, or no member, is told that instead.
 */
export function refusalOf(state: OrgState, query: DecisionQuery, decision: Decision): Error {
  const rest = decide(state, withFactors(query, decision));
  const isFactorAll = rest.allowed && decision.missingFactors.length > 0;
  const rule = (isFactorAll ? decision : rest).rules.find(({ passed }) => !passed);
  const error = isFactorAll
    ? gatewayErrors.ERR_POLICY_FACTOR_MISSING
    : gatewayErrors.ERR_POLICY_REFUSED;
  return error(`${rule?.source ?? "policy"}: ${rule?.text ?? "refuses"}`, {
    hint: hintOf(rule?.hint ?? "", isFactorAll),
    details: {
      room: decision.room,
      rule: rule?.source ?? "policy",
      missingFactors: decision.missingFactors.join(","),
    },
  });
}

/** The same question, had every missing factor been presented just now. */
function withFactors(query: DecisionQuery, { missingFactors }: Decision): DecisionQuery {
  const { session, nowMs } = query;
  const presented = missingFactors.map((factor) => ({ factor, atMs: nowMs }));
  return {
    ...query,
    session: {
      issuedMs: session?.issuedMs ?? nowMs,
      factors: [...(session?.factors ?? []), ...presented],
    },
  };
}

function hintOf(hint: string, isFactor: boolean): string {
  const more = isFactor ? " (cloister factor present; the first time: cloister factor add)" : "";
  return `${hint}${more}`;
}
