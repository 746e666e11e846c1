import { describe, expect, test } from "vitest";
import type { Bench } from "./bench.ts";
import { benches } from "./benches.ts";
import { parseCommand, runBenches } from "./command.ts";
import { scaleOf } from "./harness/scale.ts";

const known = ["jwt", "start"];

describe("the command", () => {
  test("without a name means every bench, whole", () => {
    const { names, scale } = parseCommand([], known);
    expect(names).toEqual(known);
    expect(scale).toMatchObject({ kind: "full", rounds: 5 });
    expect(scale.amount(20_000)).toBe(20_000);
  });

  test("--quick means a quarter of the size and three rounds", () => {
    const { names, scale } = parseCommand(["start", "--quick"], known);
    expect(names).toEqual(["start"]);
    expect(scale).toMatchObject({ kind: "quick", rounds: 3 });
    expect(scale.amount(20_000)).toBe(5_000);
    expect(scale.amount(1)).toBe(1);
  });

  test("an unknown name or flag is refused, and the benches are named", () => {
    expect(() => parseCommand(["nothing"], known)).toThrow(/no nothing; benches are: jwt, start/);
    expect(() => parseCommand(["--fast"], known)).toThrow(/no --fast/);
  });
});

describe("running", () => {
  const bench = (name: string, run: Bench["run"]): Bench => ({
    name,
    targets: { speed: { atLeast: 2 } },
    run,
  });
  const figures = [
    { figure: "speed", value: 1, unit: "x" },
    { figure: "other", value: 5, unit: "1/s" },
  ];

  test("figures go out as lines of JSON, everything else as progress", async () => {
    const [lines, progress]: [string[], string[]] = [[], []];
    const run: Bench["run"] = async (context) => {
      context.progress("at it");
      return figures;
    };
    const output = {
      figure: (l: string) => lines.push(l),
      progress: (l: string) => progress.push(l),
    };
    const { failed } = await runBenches([bench("a", run)], scaleOf("quick"), output);
    expect(failed).toEqual([]);
    expect(lines.map((line) => JSON.parse(line))).toEqual(
      figures.map((figure) => ({ bench: "a", ...figure })),
    );
    expect(progress.slice(0, 2)).toEqual(["a: at it", "a: speed >= 2: MISSED"]);
  });

  test("one that fails is named, and the next one still runs", async () => {
    const lines: string[] = [];
    const broken = bench("broken", () => Promise.reject(new Error("no disk")));
    const sound = bench("sound", async () => figures.slice(0, 1));
    const output = { figure: (line: string) => lines.push(line), progress: () => undefined };
    const { failed } = await runBenches([broken, sound], scaleOf("full"), output);
    expect(failed).toEqual(["broken"]);
    expect(lines).toHaveLength(1);
  });
});

test("every bench has a name of its own, and targets with finite bounds", () => {
  expect(new Set(benches.map(({ name }) => name)).size).toBe(benches.length);
  for (const target of benches.flatMap(({ targets }) => Object.values(targets))) {
    expect(Object.values(target).every(Number.isFinite)).toBe(true);
  }
});
