/**
 * Waiting for something that can only be asked for.
 *
 * @module
 */

/** How long is waited. */
export interface UntilOptions {
  /**
   * After how long to give up, in ms.
   * @default {30000}
   */
  readonly withinMs?: number;
  /**
   * How often to look, in ms.
   * @default {100}
   */
  readonly everyMs?: number;
  /** What was seen last, for the message. */
  readonly seen?: () => unknown;
}

/**
 * Looks until there is an answer.
 *
 * @param what What is waited for, for the message.
 * @param look Gives the answer, or undefined as long as there is none.
 * @param options How long is waited.
 * @returns The answer.
 * @throws {Error} If there is none in time.
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  options: UntilOptions = {},
): Promise<T> {
  const { withinMs = 30_000, everyMs = 100, seen } = options;
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await look();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) {
      const last = seen === undefined ? "" : `; last seen: ${JSON.stringify(seen())}`;
      throw new Error(`waited ${withinMs} ms in vain for ${what}${last}`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
