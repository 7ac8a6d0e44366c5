/**
 * One at a time, across processes: an advisory lock on a file. The system drops it when its holder
 * dies, however it dies, so a lock never goes stale. The holder's pid is in the file, for people.
 *
 * @module
 */
import { withProgress } from "./wait.ts";

/** Options of {@linkcode withLock}. */
export interface LockOptions {
  /** Told at once and then every 10 s while somebody else has the lock; a full clause. */
  readonly onWait: (clause: string) => void;
}

/** The holder's pid as it stands in the file, or `unknown`. */
async function holderOf(path: string): Promise<string> {
  const text = (await Deno.readTextFile(path)).trim();
  return /^\d+$/.test(text) ? text : "unknown";
}

/**
 * Runs some work while holding the lock.
 *
 * @param path The lock file; its folder must exist. It is never removed, since that would let two
 * processes lock two files of one name.
 * @param work What to run.
 * @param options Whom to tell about waiting.
 * @returns What the work returns.
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  options: LockOptions,
): Promise<T> {
  using file = await Deno.open(path, { read: true, write: true, create: true });
  if (!await file.tryLock(true)) {
    const holder = await holderOf(path);
    const clause = `process ${holder} has it; waiting`;
    options.onWait(clause);
    await withProgress(file.lock(true), 10_000, (seconds) => {
      options.onWait(`${clause} … ${seconds} s`);
    });
  }
  try {
    await file.truncate(0);
    await file.write(new TextEncoder().encode(`${Deno.pid}\n`));
    return await work();
  } finally {
    await file.truncate(0);
    await file.unlock();
  }
}
