import { statementsV1 } from "@cloister/proto";
import { rulesErrors } from "../errors.ts";

export type RoleName = "user" | "owner";
export type FactorName = "totp";

/** Undefined is "no role". An unknown number comes from newer rules and refuses. */
export function roleName(role: statementsV1.Role): RoleName | undefined {
  switch (role) {
    case statementsV1.Role.ROLE_UNSPECIFIED:
      return undefined;
    case statementsV1.Role.ROLE_USER:
      return "user";
    case statementsV1.Role.ROLE_OWNER:
      return "owner";
    default:
      throw rulesErrors.ERR_VERIFICATION_STATEMENT_UNKNOWN(
        "a role that this version does not know",
      );
  }
}

export function roleNumber(role: RoleName | undefined): statementsV1.Role {
  if (role === undefined) return statementsV1.Role.ROLE_UNSPECIFIED;
  return role === "owner" ? statementsV1.Role.ROLE_OWNER : statementsV1.Role.ROLE_USER;
}

export function factorName(factor: statementsV1.Factor): FactorName {
  if (factor === statementsV1.Factor.FACTOR_TOTP) return "totp";
  throw rulesErrors.ERR_VERIFICATION_STATEMENT_UNKNOWN("a factor that this version does not know");
}

export function factorNumber(factor: FactorName): statementsV1.Factor {
  switch (factor) {
    case "totp":
      return statementsV1.Factor.FACTOR_TOTP;
    default:
      throw factor satisfies never;
  }
}
