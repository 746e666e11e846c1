import { idBytes } from "@cloister/base";
import { statementsV1 } from "@cloister/proto";
import { cliErrors } from "../errors.ts";
import { formatTable, printResult } from "../output.ts";
import { askSecret } from "../prompt.ts";
import { findAccount, findRoom, findScope, type ScopeOptions } from "../resolve.ts";
import { withClient } from "../session.ts";
import { type CommandContext, globalsOf, withExamples } from "./command-context.ts";
import { parseRole } from "./people.ts";

interface PolicyOptions extends ScopeOptions {
  readonly require?: string[];
  readonly exempt?: string[];
  readonly deny?: string[];
  readonly sessionAge?: string;
  readonly deviceAge?: string;
}

/** `policy` and `factor`: what a room asks for, and how one answers. */
export function addPolicyCommands(context: CommandContext): void {
  addPolicySet(context);
  addPolicyExplain(context);
  addFactor(context);
}

function addPolicySet({ program, io }: CommandContext): void {
  const policy = policyCommand(program);
  withExamples(
    policy
      .command("set")
      .description("replace the policy of the org, a project or a room (owners); levels add up")
      .option("--project <project>", "of this project")
      .option("--room <room>", "of this room")
      .option(
        "--require <factor...>",
        "factors to present: totp, or totp:SECONDS for how long it counts",
      )
      .option("--exempt <role...>", "roles that this level's factors are waived for")
      .option("--deny <person...>", "people who are kept out whatever else allows them")
      .option("--session-age <seconds>", "sessions older than this sign in again")
      .option("--device-age <seconds>", "devices younger than this are kept out"),
    "policy set --room sources --require totp",
    "policy set --project Newsdesk --require totp:3600 --exempt owner",
    "policy set --room sources            (wants nothing any more)",
  ).action(async (options: PolicyOptions, command) => {
    const globals = globalsOf(command);
    await withClient(io, globals, async (client) => {
      const scope = findScope(client, options);
      const made: statementsV1.Policy = {
        factors: (options.require ?? []).map(parseFactor),
        exemptRoles: (options.exempt ?? []).map((role) =>
          parseRole(role) === "owner" ? statementsV1.Role.ROLE_OWNER : statementsV1.Role.ROLE_USER,
        ),
        deniedAccounts: (options.deny ?? []).map((person) => idBytes(findAccount(client, person))),
        sessionMaxAgeSeconds: parseSeconds(options.sessionAge),
        deviceMinAgeSeconds: parseSeconds(options.deviceAge),
      };
      await client.org.setPolicy({ scope, policy: made });
      printResult(io, globals, { json: { scope, policy: made }, text: "The policy is set." });
    });
  });
}

function addPolicyExplain({ program, io }: CommandContext): void {
  withExamples(
    policyCommand(program)
      .command("explain <person> <room>")
      .description("the decision, and each rule that made it (others than `me`: owners)"),
    "policy explain me sources",
    "policy explain Bob sources",
  ).action(async (person: string, wanted: string, _options, command) => {
    const globals = globalsOf(command);
    await withClient(io, globals, async (client) => {
      const account = findAccount(client, person);
      const decision = await client.org.explain({ account, room: findRoom(client, wanted) });
      const rows = decision.rules.map(({ source, passed, text, hint }) => [
        passed ? "ok" : "NO",
        source,
        passed || hint === "" ? text : `${text} (${hint})`,
      ]);
      const verdict = decision.allowed ? "allowed" : "refused";
      printResult(io, globals, {
        json: decision,
        text: `${person} in ${wanted}: ${verdict}\n${formatTable(rows)}`,
      });
    });
  });
}

function addFactor({ program, io }: CommandContext): void {
  const factor = program.command("factor").description("second factors of your account");
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
    "factor present totp 123456",
  ).action(async (kind: string, code: string | undefined, _options, command) => {
    const globals = globalsOf(command);
    const wanted = factorKind(kind);
    const proof = code ?? (await askCode(io));
    await withClient(io, globals, async (client) => {
      await client.factors.present(wanted, proof);
      printResult(io, globals, { json: { presented: wanted }, text: "The factor counts now." });
    });
  });
}

async function askCode(io: CommandContext["io"]): Promise<string> {
  using code = await askSecret(io, "Code: ");
  return code.expose((bytes) => new TextDecoder().decode(bytes));
}

function policyCommand(program: CommandContext["program"]): CommandContext["program"] {
  const existing = program.commands.find((command) => command.name() === "policy");
  return existing ?? program.command("policy").description("what it takes to be let into rooms");
}

function factorKind(text: string): "totp" {
  if (text === "totp") return text;
  throw cliErrors.ERR_ARGUMENT("the one factor of this version is totp");
}

function parseFactor(text: string): statementsV1.Policy_FactorRequirement {
  const [kind = "", seconds] = text.split(":");
  factorKind(kind);
  return { factor: statementsV1.Factor.FACTOR_TOTP, maxAgeSeconds: parseSeconds(seconds) };
}

function parseSeconds(text: string | undefined): number {
  if (text === undefined) return 0;
  const seconds = Number(text);
  if (Number.isSafeInteger(seconds) && seconds > 0 && seconds <= 0xffff_ffff) return seconds;
  throw cliErrors.ERR_ARGUMENT("a time is given in whole seconds");
}
