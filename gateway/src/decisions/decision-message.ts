import { idBytes } from "@cloister/base";
import type { gatewayV1 } from "@cloister/proto";
import { type Decision, factorNumber } from "@cloister/rules";

export function decisionMessage(decision: Decision): gatewayV1.Decision {
  return {
    roomId: idBytes(decision.room),
    allowed: decision.allowed,
    rules: decision.rules.map(({ source, passed, text, hint }) => ({ source, passed, text, hint })),
    missingFactors: decision.missingFactors.map(factorNumber),
  };
}
