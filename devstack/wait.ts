/**
 * Waiting for what the outside does not announce: a port that answers, a process that is gone.
 *
 * @module
 */

/** Options of {@linkcode until}. */
export interface UntilOptions {
  /** How long to try, in ms. */
  readonly timeoutMs: number;
  /**
   * Pause between two tries, in ms.
   * @default {50}
   */
  readonly everyMs?: number;
  /**
   * Ends the waiting early.
   * @default {undefined} only time ends it
   */
  readonly signal?: AbortSignal;
}

/** Resolves after some time, or at once when the signal fires. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
    if (signal?.aborted) done();
  });
}

/**
 * Tries until the answer is true.
 *
 * @param test What to try; never runs twice at the same time.
 * @param options How long, how often.
 * @returns Whether it became true in time.
 */
export async function until(
  test: () => Promise<boolean>,
  options: UntilOptions,
): Promise<boolean> {
  const { timeoutMs, everyMs = 50, signal } = options;
  const deadline = Date.now() + timeoutMs;
  while (!signal?.aborted) {
    if (await test()) return true;
    if (Date.now() >= deadline) return false;
    await pause(everyMs, signal);
  }
  return false;
}

/**
 * Says how long something has been going on, while it goes on.
 *
 * @param work What to wait for.
 * @param everyMs How often to call, in ms.
 * @param tick Called with the seconds since the start.
 * @returns What the work returns.
 */
export async function withProgress<T>(
  work: Promise<T>,
  everyMs: number,
  tick: (seconds: number) => void,
): Promise<T> {
  const from = Date.now();
  const timer = setInterval(() => tick(Math.round((Date.now() - from) / 1000)), everyMs);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
