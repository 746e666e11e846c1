import { idBytes, signingInput } from "@cloister/base";
import { statementsV1 } from "@cloister/proto";
import type { Body } from "@cloister/rules";
import type { TestDevice, TestOrg } from "@cloister/rules/testing";

/**
 * What an owner could state, signed by a device that may not: honest builders refuse to make it, a
 * hostile client does not ask them.
 */
export async function statementWithoutRight(
  org: TestOrg,
  { body, device }: { readonly body: Body; readonly device: TestDevice },
): Promise<Uint8Array> {
  const { content } = statementsV1.SignedStatement.decode(await org.sign(body));
  if (content?.$case !== "statement") throw new Error("a statement was expected");
  const statement = statementsV1.Statement.decode(content.value);
  const deviceId = idBytes(device.certificate.device);
  const value = statementsV1.Statement.encode({ ...statement, deviceId }).finish();
  const signature = await device.statement.sign(signingInput("statement", org.id, value));
  return statementsV1.SignedStatement.encode({
    content: { $case: "statement", value },
    signatures: [signature],
  }).finish();
}
