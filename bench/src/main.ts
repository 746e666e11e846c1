import { benches } from "./benches.ts";
import { parseCommand, runBenches } from "./command.ts";
import { machineText } from "./harness/machine.ts";
import { natsServerVersion } from "./servers/nats-version.ts";

const progress = (line: string) => process.stderr.write(`${line}\n`);

try {
  const command = parseCommand(
    process.argv.slice(2),
    benches.map(({ name }) => name),
  );
  progress(machineText(await natsServerVersion()));
  const { failed } = await runBenches(
    benches.filter(({ name }) => command.names.includes(name)),
    command.scale,
    { figure: (line) => process.stdout.write(`${line}\n`), progress },
  );
  process.exitCode = failed.length > 0 ? 1 : 0;
} catch (error) {
  progress(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
