/**
 * What long-running commands print.
 *
 * @module
 */

/**
 * Prints a line for people on a terminal, a line of JSON in a pipe.
 *
 * @param kind What kind of line it is.
 * @param message What happened.
 */
export function log(kind: string, message: string): void {
  const time = new Date().toISOString();
  console.log(
    Deno.stdout.isTerminal()
      ? `${time.slice(11, 19)}  ${message}`
      : JSON.stringify({ time, kind, message }),
  );
}
