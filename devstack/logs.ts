/**
 * The servers' log files: one a start, the one before is kept.
 *
 * @module
 */

/**
 * Moves the present log aside, so that a log holds one run.
 *
 * @param path The log file.
 */
export async function rotateLog(path: string): Promise<void> {
  try {
    await Deno.rename(path, `${path}.1`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Reads the end of a log.
 *
 * @param path The log file.
 * @param lines How many lines at most.
 * @returns The last lines that aren't empty; none if there is no such file.
 */
export async function tailOfLog(path: string, lines = 12): Promise<string[]> {
  try {
    using file = await Deno.open(path, { read: true });
    const { size } = await file.stat();
    // Enough for some lines of a stack trace; a log may be large.
    const from = Math.max(0, size - 16_384);
    await file.seek(from, Deno.SeekMode.Start);
    const text = await new Response(file.readable).text();
    return text.split("\n").filter((line) => line.trim() !== "").slice(-lines);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Whether a log's end says that a port was taken between choosing it and listening on it. */
export function saysPortTaken(tail: readonly string[]): boolean {
  return tail.some((line) => /address already in use|bind.*in use|port .*in use/i.test(line));
}
