/** One change of a fact, made by the entry at `position`. */
export interface Change<T> {
  readonly position: number;
  readonly value: T;
}

/** Every value that a fact has had, oldest first. A log of size `at` shows the changes below `at`. */
export type History<T> = readonly Change<T>[];

/** The value in a log of size `at`; undefined before the first change. */
export function valueAt<T>(history: History<T> | undefined, at: number): T | undefined {
  return history?.[countAt(history, at) - 1]?.value;
}

/** How many changes a log of size `at` shows: the version of the fact. */
export function versionAt(history: History<unknown> | undefined, at: number): number {
  return history === undefined ? 0 : countAt(history, at);
}

function countAt(history: History<unknown>, at: number): number {
  const newest = history.at(-1);
  // Most questions are about the present.
  if (newest === undefined || newest.position < at) return history.length;
  let low = 0;
  let high = history.length - 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((history[middle]?.position ?? at) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}
