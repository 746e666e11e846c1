import type { Command } from "commander";
import { cliErrors } from "../errors.ts";
import { printResult } from "../output.ts";
import { askSecret } from "../prompt.ts";
import { withClient } from "../session.ts";
import { type CommandContext, globalsOf, withExamples } from "./command-context.ts";

/** `factor add|present`: how one answers a policy. */
export function addFactorCommands({ program, io }: CommandContext): void {
  const factor = program
    .command("factor")
    .helpGroup("You:")
    .description("second factors of your account");
  withExamples(
    factor
      .command("add <factor>")
      .description(
        "add a factor: shows what your authenticator app wants; finish with `factor present`",
      ),
    "factor add totp",
  ).action(async (kind: string, _options, command) => {
    const globals = globalsOf(command);
    const wanted = factorKind(kind);
    await withClient(io, globals, async (client) => {
      const { provisioning } = await client.factors.enrol(wanted);
      printResult(io, globals, {
        json: { provisioning },
        text: [
          provisioning,
          "",
          "Give this to your authenticator app (it is shown once), then present its first code:",
          "  cloister factor present totp",
        ].join("\n"),
      });
    });
  });
  withExamples(
    factor
      .command("present <factor> [code]")
      .description("present a code; without one it is asked for"),
    "factor present totp",
    "factor present totp 123456",
  ).action(
    async (...[kind, code, _options, command]: [string, string | undefined, unknown, Command]) => {
      const globals = globalsOf(command);
      const wanted = factorKind(kind);
      const proof = code ?? (await askCode(io));
      await withClient(io, globals, async (client) => {
        await client.factors.present(wanted, proof);
        printResult(io, globals, { json: { presented: wanted }, text: "The factor counts now." });
      });
    },
  );
}

async function askCode(io: CommandContext["io"]): Promise<string> {
  using code = await askSecret(io, "Code: ");
  return code.expose((bytes) => new TextDecoder().decode(bytes));
}

export function factorKind(text: string): "totp" {
  if (text === "totp") return text;
  throw cliErrors.ERR_ARGUMENT("the one factor of this version is totp");
}
