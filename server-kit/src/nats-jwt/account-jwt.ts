import { kitErrors } from "../errors.ts";
import { MAX_REVOCATIONS } from "../limits.ts";
import type {
  AccountLimitClaims,
  AllowList,
  Export,
  Import,
  RevocationList,
  ScopeTemplate,
  SigningScope,
} from "./claims.ts";
import { encodeNatsJwt } from "./encode.ts";
import type { Nkey } from "./nkey-codec.ts";
import type { NkeySigner } from "./nkey-pair.ts";

export interface AccountJwtInput {
  readonly account: Nkey<"account">;
  readonly name: string;
  readonly limits: AccountLimitClaims;
  readonly scopes: readonly SigningScope[];
  readonly imports: readonly Import[];
  readonly exports: readonly Export[];
  readonly revocations: RevocationList;
  /** What the account's own users publish, and what the server makes of it. */
  readonly mappings?: Readonly<Record<string, string>>;
  readonly issuedAtSeconds: number;
  readonly expiresAtSeconds?: number | undefined;
}

/** An account's token. All of its users come from scoped signing keys: there is no unscoped one. */
export function encodeAccountJwt(input: AccountJwtInput, signer: NkeySigner<"operator">): string {
  for (const scope of input.scopes) checkTemplate(scope);
  if (Object.keys(input.revocations).length > MAX_REVOCATIONS) {
    throw kitErrors.ERR_JWT_CLAIMS("too many revocations; compact them or renew the signing key");
  }
  return encodeNatsJwt(
    {
      subject: input.account,
      name: input.name,
      type: "account",
      issuedAtSeconds: input.issuedAtSeconds,
      expiresAtSeconds: input.expiresAtSeconds,
      nats: accountClaims(input),
    },
    signer,
  );
}

function accountClaims(input: AccountJwtInput): object {
  return {
    ...(input.imports.length === 0 ? {} : { imports: input.imports }),
    ...(input.exports.length === 0 ? {} : { exports: input.exports }),
    limits: input.limits,
    ...(input.mappings === undefined ? {} : { mappings: mappingClaims(input.mappings) }),
    signing_keys: input.scopes.map((scope) => ({ kind: "user_scope", ...scope })),
    ...(Object.keys(input.revocations).length === 0 ? {} : { revocations: input.revocations }),
    // Whoever holds the account's own key issues users without a scope; these may do nothing.
    default_permissions: { pub: { deny: [">"] }, sub: { deny: [">"] } },
  };
}

function mappingClaims(mappings: Readonly<Record<string, string>>): object {
  const entries = Object.entries(mappings).map(([from, to]) => [from, [{ subject: to }]] as const);
  return Object.fromEntries(entries);
}

function checkTemplate(scope: SigningScope): void {
  checkAllowList(scope.role, scope.template.pub);
  checkAllowList(scope.role, scope.template.sub);
  const {
    subs,
    data,
    payload,
    allowed_connection_types: connectionTypes,
  }: ScopeTemplate = scope.template;
  if (subs === 0 || data === 0 || payload === 0 || connectionTypes.length === 0) {
    throw kitErrors.ERR_JWT_CLAIMS(`scope ${scope.role}: every limit must be said`);
  }
}

/** NATS reads an empty allow list as "everything". */
function checkAllowList(role: string, list: AllowList): void {
  if (list.allow.length === 0 || list.allow.some((subject) => !isSubjectPattern(subject))) {
    throw kitErrors.ERR_JWT_CLAIMS(`scope ${role}: an allow list needs well-formed subjects`);
  }
}

function isSubjectPattern(subject: string): boolean {
  const tokens = subject.split(".");
  return tokens.every((token, index) => {
    if (token === "" || /\s/.test(token)) return false;
    return token !== ">" || index === tokens.length - 1;
  });
}
