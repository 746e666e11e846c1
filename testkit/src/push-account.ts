import type { AccountTemplate, RevocationList } from "@cloister/server-kit";
import type { TestNats } from "./nats.ts";
import { signAccount } from "./nats-fleet.ts";

/** Pushes an account's token to the server and waits for its word, as the accounts service does. */
export async function pushAccount(
  nats: TestNats,
  template: AccountTemplate,
  revocations: RevocationList = {},
): Promise<void> {
  const { connection } = await nats.service("system");
  const token = signAccount(nats.fleet, template, revocations);
  const reply = await connection.request("$SYS.REQ.CLAIMS.UPDATE", token, { timeout: 5_000 });
  await connection.close();
  const { error } = reply.json<{ error?: { description: string } }>();
  if (error !== undefined) throw new Error(error.description);
}
