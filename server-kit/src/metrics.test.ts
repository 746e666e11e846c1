import { expect, test } from "vitest";
import { Metrics } from "./metrics.ts";

test("counters, gauges and histograms in the text that Prometheus reads", () => {
  const metrics = new Metrics();
  const calls = metrics.counter("calls_total", "Calls answered.");
  calls.add();
  calls.add(2, { method: "Join" });
  metrics.gauge("open", "Connections.").set(7);
  const time = metrics.histogram("seconds", "Time.", [0.1, 1]);
  time.observe(0.5);
  expect(metrics.text()).toBe(
    [
      "# HELP calls_total Calls answered.",
      "# TYPE calls_total counter",
      "calls_total 1",
      'calls_total{method="Join"} 2',
      "# HELP open Connections.",
      "# TYPE open gauge",
      "open 7",
      "# HELP seconds Time.",
      "# TYPE seconds histogram",
      'seconds_bucket{le="0.1"} 0',
      'seconds_bucket{le="1"} 1',
      'seconds_bucket{le="+Inf"} 1',
      "seconds_sum 0.5",
      "seconds_count 1",
      "",
    ].join("\n"),
  );
});

test("a metric has one definition, and a stranger cannot make it grow for ever", () => {
  const metrics = new Metrics();
  const counter = metrics.counter("a", "A.");
  expect(() => metrics.counter("a", "A.")).toThrow("twice");
  for (let index = 0; index < 2_000; index += 1) counter.add(1, { x: String(index) });
  expect(metrics.text().split("\n").length).toBeLessThan(1_010);
});
