/** Does the job for every item, so many at a time, and ends at the first failure. */
export async function windowed<T>(
  items: Iterable<T>,
  size: number,
  job: (item: T) => Promise<void>,
): Promise<void> {
  const left = items[Symbol.iterator]();
  const lane = async () => {
    for (let next = left.next(); next.done !== true; next = left.next()) await job(next.value);
  };
  await Promise.all(Array.from({ length: size }, lane));
}
