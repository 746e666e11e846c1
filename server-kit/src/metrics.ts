import { kitErrors } from "./errors.ts";

export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  add(amount?: number, labels?: Labels): void;
}

export interface Gauge {
  set(value: number, labels?: Labels): void;
}

export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

type MetricType = "counter" | "gauge" | "histogram";

interface Metric {
  readonly help: string;
  readonly type: MetricType;
  /** Lines without their values, by series: name and labels as Prometheus writes them. */
  readonly series: Map<string, number>;
}

/** Series that one metric may have: labels come from code, never from what a stranger sends. */
const maxSeries = 1_000;

/** The figures of a process, as text in the Prometheus exposition format 0.0.4. */
export class Metrics {
  readonly #metrics = new Map<string, Metric>();

  counter(name: string, help: string): Counter {
    const metric = this.#define(name, { help, type: "counter" });
    return {
      add: (amount = 1, labels = {}) => {
        const series = seriesName(name, labels);
        put(metric, series, (metric.series.get(series) ?? 0) + Math.max(0, amount));
      },
    };
  }

  gauge(name: string, help: string): Gauge {
    const metric = this.#define(name, { help, type: "gauge" });
    return { set: (value, labels = {}) => put(metric, seriesName(name, labels), value) };
  }

  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    const metric = this.#define(name, { help, type: "histogram" });
    const grow = (series: string, by: number) =>
      put(metric, series, (metric.series.get(series) ?? 0) + by);
    return {
      observe: (value, labels = {}) => {
        for (const bound of [...bounds, Number.POSITIVE_INFINITY]) {
          const le = bound === Number.POSITIVE_INFINITY ? "+Inf" : String(bound);
          grow(seriesName(`${name}_bucket`, { ...labels, le }), value <= bound ? 1 : 0);
        }
        grow(seriesName(`${name}_sum`, labels), value);
        grow(seriesName(`${name}_count`, labels), 1);
      },
    };
  }

  text(): string {
    const parts = [...this.#metrics].map(([name, { help, type, series }]) => {
      const lines = [...series].map(([key, value]) => `${key} ${value}`);
      return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines].join("\n");
    });
    return parts.length === 0 ? "" : `${parts.join("\n")}\n`;
  }

  #define(name: string, { help, type }: Pick<Metric, "help" | "type">): Metric {
    if (!/^[a-z][a-z0-9_]*$/.test(name) || this.#metrics.has(name) || help.includes("\n")) {
      throw kitErrors.ERR_CONFIG(`metric ${name} is malformed or defined twice`);
    }
    const metric: Metric = { help, type, series: new Map() };
    this.#metrics.set(name, metric);
    return metric;
  }
}

function put(metric: Metric, series: string, value: number): void {
  if (metric.series.size >= maxSeries && !metric.series.has(series)) return;
  metric.series.set(series, value);
}

function seriesName(name: string, labels: Labels): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? name : `${name}{${pairs.join(",")}}`;
}
