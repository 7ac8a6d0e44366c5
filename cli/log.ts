/**
 * What a long-running command tells: lines for people on a terminal, NDJSON in a pipe.
 *
 * @module
 */

/** Tells what happened. */
export type Log = (kind: string, message: string) => void;

/**
 * Makes a log on standard output.
 *
 * @param isTerminal Whether people read it.
 * @param write Writes a line.
 * @returns Tells what happened: `{"time", "kind", "message"}` a line, or a time of day and the
 * message.
 */
export function createLog(
  isTerminal: boolean = Deno.stdout.isTerminal(),
  write: (line: string) => void = console.log,
): Log {
  return (kind, message) => write(logLine(new Date(), { kind, message, isTerminal }));
}

/**
 * A line of a log.
 *
 * @param now The time.
 * @param entry What happened, and for whom it is written.
 * @returns The line; one line in NDJSON, whatever the message holds.
 */
export function logLine(
  now: Date,
  { kind, message, isTerminal }: {
    readonly kind: string;
    readonly message: string;
    readonly isTerminal: boolean;
  },
): string {
  const time = now.toISOString();
  return isTerminal ? `${time.slice(11, 19)}  ${message}` : JSON.stringify({ time, kind, message });
}

/**
 * Makes NDJSON of what is said on standard error too, by us and by libraries, unless people read it:
 * whoever collects the logs gets one format.
 *
 * @returns Takes it back.
 */
export function structureErrors(): () => void {
  if (Deno.stderr.isTerminal()) return () => undefined;
  const plain = console.error;
  const log = createLog(false, (line) => plain(line));
  console.error = (...parts: readonly unknown[]) => {
    log("note", parts.map((part) => part instanceof Error ? part.stack : String(part)).join(" "));
  };
  return () => {
    console.error = plain;
  };
}
