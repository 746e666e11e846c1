import { arch, availableParallelism, cpus, loadavg, totalmem } from "node:os";

/** What a figure depends on besides the code: goes to stderr before the first bench. */
export function machineText(natsServerVersion: string): string {
  const memoryGib = Math.round(totalmem() / 1024 ** 3);
  const [load = 0] = loadavg();
  return [
    `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? arch()}), ${memoryGib} GiB`,
    `load ${load.toFixed(1)}`,
    `Node ${process.versions.node}`,
    `nats-server ${natsServerVersion}`,
  ].join(", ");
}
