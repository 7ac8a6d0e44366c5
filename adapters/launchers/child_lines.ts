/** What a child process prints, line by line. */

import { stripVTControlCharacters } from "node:util";

/** A longer line is cut into pieces of this many characters: a child may print anything. */
const LONGEST_LINE = 8_192;

/**
 * Reads a stream to its end, line by line. What is not UTF-8, and control characters, which would
 * play with the terminal, are made harmless. Empty lines are left out.
 *
 * @param stream The stream.
 * @param take Told each line.
 */
export async function eachLine(
  stream: ReadableStream<Uint8Array>,
  take: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  const give = (line: string) => {
    const clean = stripVTControlCharacters(line).replace(/\p{Cc}+/gu, " ").trimEnd();
    if (clean !== "") take(clean);
  };
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    lines.flatMap(pieces).forEach(give);
    while (rest.length > LONGEST_LINE) {
      give(rest.slice(0, LONGEST_LINE));
      rest = rest.slice(LONGEST_LINE);
    }
  }
  give(rest);
}

function pieces(line: string): string[] {
  const count = Math.max(1, Math.ceil(line.length / LONGEST_LINE));
  return Array.from(
    { length: count },
    (_, i) => line.slice(i * LONGEST_LINE, (i + 1) * LONGEST_LINE),
  );
}
