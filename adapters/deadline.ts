/** Waiting for something, but not for ever. */

/**
 * Waits for work, but no longer than a time. The work itself goes on; what it throws afterwards is
 * dropped.
 *
 * @returns What it gave; undefined if the time was over first.
 */
export async function deadline<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => timer = setTimeout(resolve, ms, undefined));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}
