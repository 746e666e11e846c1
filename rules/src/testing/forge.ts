import {
  idBytes,
  type KeyRole,
  newStatementId,
  type OrgId,
  type Signer,
  signingInput,
} from "@cloister/base";
import { statementsV1 } from "@cloister/proto";
import { logRootAt } from "../state/org-state.ts";
import type { Body } from "../statements/judgement.ts";
import { firstDevice, type TestDevice } from "./keys.ts";
import type { TestOrg } from "./test-org.ts";

export interface ForgeryOptions {
  readonly body: Body | undefined;
  /** Version that it says it changes; no rule corrects it. */
  readonly version: number;
  readonly device?: TestDevice | null;
  /** Default: the device's statement key. */
  readonly signers?: readonly Pick<Signer<KeyRole>, "sign">[];
  /** What the signatures say they cover; default: a statement of this org. */
  readonly signedAs?: { readonly type?: string; readonly org?: OrgId };
  readonly fields?: Partial<Omit<statementsV1.Statement, "body">>;
}

/** A signed statement that no rule has looked at, for tests of what the rules refuse: encoded SignedStatement. */
export async function forgeStatement(org: TestOrg, options: ForgeryOptions): Promise<Uint8Array> {
  const { device = firstDevice(org.owner), signedAs = {} } = options;
  const payload = statementsV1.Statement.encode({
    statementId: idBytes(newStatementId(org.random)),
    checkpointSize: BigInt(org.size),
    checkpointRoot: logRootAt(org.state, org.size),
    changesVersion: BigInt(options.version),
    criticalVersion: 1,
    deviceId: device === null ? new Uint8Array(0) : idBytes(device.certificate.device),
    ...options.fields,
    body: options.body,
  }).finish();
  const signers = options.signers ?? (device === null ? [] : [device.statement]);
  return signPayload(payload, {
    input: signingInput(signedAs.type ?? "statement", signedAs.org ?? org.id, payload),
    signers,
  });
}

async function signPayload(
  payload: Uint8Array,
  {
    input,
    signers,
  }: { readonly input: Uint8Array; readonly signers: readonly Pick<Signer, "sign">[] },
): Promise<Uint8Array> {
  const signatures = await Promise.all(signers.map((signer) => signer.sign(input)));
  const content = { $case: "statement", value: payload } as const;
  return statementsV1.SignedStatement.encode({ content, signatures }).finish();
}
