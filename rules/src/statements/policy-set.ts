import { accountIdFromBytes } from "@cloister/base";
import type { statementsV1 } from "@cloister/proto";
import { rulesErrors } from "../errors.ts";
import { pushChange } from "../state/effects.ts";
import type { LevelPolicy } from "../state/facts.ts";
import { versionAt } from "../state/history.ts";
import { factorName, type RoleName, roleName } from "../state/names.ts";
import { parseScope, scopeKey } from "../state/scope.ts";
import {
  type BodyOf,
  type Judgement,
  requireOwnerOver,
  type StatementContext,
  signingDevice,
} from "./judgement.ts";

export function judgePolicySet(context: StatementContext, body: BodyOf<"policySet">): Judgement {
  const scope = parseScope(body.scope);
  const policy = parsePolicy(body.policy);
  const signer = signingDevice(context);
  const { state, position, statement } = context;
  const key = scopeKey(scope);
  return {
    signers: [[signer.certificate.statementKey]],
    version: versionAt(state.policies.get(key), position),
    check: () => {
      requireOwnerOver(context, signer, scope);
      return (facts) => pushChange(facts.policies, key, { position, value: { statement, policy } });
    },
  };
}

export function parsePolicy(policy: statementsV1.Policy | undefined): LevelPolicy {
  if (policy === undefined) throw malformed("the policy is missing");
  const factors = policy.factors.map(({ factor, maxAgeSeconds }) => ({
    factor: factorName(factor),
    maxAgeSeconds: maxAgeSeconds === 0 ? undefined : maxAgeSeconds,
  }));
  if (new Set(factors.map(({ factor }) => factor)).size !== factors.length) {
    throw malformed("a policy names each factor once");
  }
  return {
    factors,
    exemptRoles: policy.exemptRoles.map(exemptRole),
    deniedAccounts: policy.deniedAccounts.map(accountIdFromBytes),
    sessionMaxAgeSeconds:
      policy.sessionMaxAgeSeconds === 0 ? undefined : policy.sessionMaxAgeSeconds,
    deviceMinAgeSeconds: policy.deviceMinAgeSeconds === 0 ? undefined : policy.deviceMinAgeSeconds,
  };
}

function exemptRole(role: statementsV1.Role): RoleName {
  const name = roleName(role);
  if (name === undefined) throw malformed("a policy exempts roles by name");
  return name;
}

function malformed(message: string): Error {
  return rulesErrors.ERR_VERIFICATION_STATEMENT_SUBJECT(message);
}
