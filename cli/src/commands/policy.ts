import { accountIdFromBytes, idBytes } from "@cloister/base";
import { type gatewayV1, statementsV1 } from "@cloister/proto";
import type { Command } from "commander";
import { formatTable, printResult } from "../output.ts";
import { findAccount, findRoom, findScope, type ScopeOptions } from "../resolve.ts";
import { withClient } from "../session.ts";
import { type CommandContext, globalsOf, parseSeconds, withExamples } from "./command-context.ts";
import { factorKind } from "./factors.ts";
import { parseRole } from "./people.ts";

interface PolicyOptions extends ScopeOptions {
  readonly require?: string[];
  readonly exempt?: string[];
  readonly deny?: string[];
  readonly sessionAge?: string;
  readonly deviceAge?: string;
}

/** `policy set|explain`: what a room asks for, and why. */
export function addPolicyCommands(context: CommandContext): void {
  addPolicySet(context);
  addPolicyExplain(context);
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
        sessionMaxAgeSeconds: secondsOf(options.sessionAge),
        deviceMinAgeSeconds: secondsOf(options.deviceAge),
      };
      await client.org.setPolicy({ scope, policy: made });
      printResult(io, globals, {
        json: { scope, ...policyJson(made) },
        text: "The policy is set.",
      });
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
  ).action(async (...[person, wanted, _options, command]: [string, string, unknown, Command]) => {
    const globals = globalsOf(command);
    await withClient(io, globals, async (client) => {
      const account = findAccount(client, person);
      const room = findRoom(client, wanted);
      const decision = await client.org.explain({ account, room });
      const rows = decision.rules.map(({ source, passed, text, hint }) => [
        passed ? "ok" : "NO",
        source,
        passed || hint === "" ? text : `${text} (${hint})`,
      ]);
      const verdict = decision.allowed ? "allowed" : "refused";
      printResult(io, globals, {
        json: { account, room, ...decisionJson(decision) },
        text: `${person} in ${wanted}: ${verdict}\n${formatTable(rows)}`,
      });
    });
  });
}

function policyCommand(program: CommandContext["program"]): CommandContext["program"] {
  const existing = program.commands.find((command) => command.name() === "policy");
  return existing ?? program.command("policy").description("what it takes to be let into rooms");
}

function parseFactor(text: string): statementsV1.Policy_FactorRequirement {
  const [kind = "", seconds] = text.split(":");
  factorKind(kind);
  return { factor: statementsV1.Factor.FACTOR_TOTP, maxAgeSeconds: secondsOf(seconds) };
}

/** 0 is no limit. */
function secondsOf(text: string | undefined): number {
  return text === undefined ? 0 : parseSeconds(text);
}

function decisionJson({ allowed, rules }: gatewayV1.Decision): object {
  return {
    allowed,
    rules: rules.map(({ source, passed, text, hint }) => ({ source, passed, text, hint })),
  };
}

/** By the names that the options have. */
function policyJson(policy: statementsV1.Policy): object {
  const { factors, exemptRoles, deniedAccounts } = policy;
  return {
    require: factors.map(({ maxAgeSeconds }) => ({ factor: "totp", maxAgeSeconds })),
    exempt: exemptRoles.map((role) => (role === statementsV1.Role.ROLE_OWNER ? "owner" : "user")),
    deny: deniedAccounts.map((account) => accountIdFromBytes(account)),
    sessionAgeSeconds: policy.sessionMaxAgeSeconds,
    deviceAgeSeconds: policy.deviceMinAgeSeconds,
  };
}
