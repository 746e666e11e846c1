import type { Io } from "./io.ts";

const TELL_AFTER_MS = 1_000;
/** What heeds the signal itself gets this long to end in order. */
const GRACE_MS = 2_000;

/** What takes over a second is told on stderr: `connecting…`. */
export async function patiently<T>(io: Io, doing: string, work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => io.stderr.write(`${doing}…\n`), TELL_AFTER_MS);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

/** True once `work` is done; false if `waitMs` pass before. */
export async function isDoneWithin(work: Promise<unknown>, waitMs: number): Promise<boolean> {
  const waited = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => waited.resolve(false), waitMs);
  try {
    return await Promise.race([work.then(() => true), waited.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Ends with `stopped()` some time after the signal, where `work` does not end by itself. */
export async function untilStopped<T>(
  work: Promise<T>,
  { signal, stopped }: { readonly signal: AbortSignal; readonly stopped: () => Error },
): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => reject(stopped()), GRACE_MS);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}
