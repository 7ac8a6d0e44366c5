/**
 * A worker process as a test wants it. Says on standard error what it was told: the first line of
 * its standard input and its identity.
 *
 * @module
 */

/** What it does: the first argument; a second one names a file. */
export type ChildManner =
  /** Takes work, and ends when it is told to. */
  | "well"
  /** Ends at once with 3. */
  | "crashes"
  /** The same as long as the file is there, else `well`. */
  | "crashes while"
  /** Does not heed SIGTERM. */
  | "deaf"
  /** Never takes work. */
  | "silent"
  /** Prints all kinds of bytes before it takes work. */
  | "garbage"
  /** Takes work and never reads its standard input. */
  | "unreading";

const [manner, file = ""] = Deno.args;

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

async function read(): Promise<void> {
  let told = false;
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    if (told) continue;
    told = true;
    console.error(`told ${text.trim()} as ${Deno.env.get("TIDEGATE_WORKER_IDENTITY")}`);
  }
  // The control process has died.
  Deno.exit(0);
}

/** Bytes that are no UTF-8, sequences that colour a terminal, a very long line, empty lines. */
function garbage(): Uint8Array {
  const text = new TextEncoder();
  return Uint8Array.from([
    ...[0xff, 0xfe, 0x00, 0x07, 0x0a, 0x0a],
    ...text.encode("\x1b[31mred\x1b[0m\n"),
    ...text.encode(`${"x".repeat(100_000)}\n`),
    ...text.encode("not ready\n"),
  ]);
}

if (import.meta.main) {
  if (manner === "crashes" || (manner === "crashes while" && isThere(file))) {
    console.error("it went wrong");
    Deno.exit(3);
  }
  Deno.addSignalListener("SIGTERM", () => {
    if (manner !== "deaf") Deno.exit(0);
  });
  if (manner === "unreading") setInterval(() => undefined, 60_000);
  else void read();
  if (manner === "garbage") {
    await Deno.stdout.write(garbage());
    await Deno.stderr.write(garbage());
  }
  if (manner !== "silent") console.log("ready");
}
