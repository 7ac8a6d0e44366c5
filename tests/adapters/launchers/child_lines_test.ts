import assert from "node:assert/strict";
import fc from "fast-check";
import { eachLine } from "../../../adapters/launchers/child_lines.ts";

async function linesOf(chunks: readonly Uint8Array[]): Promise<string[]> {
  const lines: string[] = [];
  await eachLine(ReadableStream.from(chunks), (line) => lines.push(line));
  return lines;
}

/** Cuts bytes at places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b);
  return [...ends, bytes.length].map((end, i) => bytes.slice(ends[i - 1] ?? 0, end));
}

Deno.test("lines: the same, wherever the stream is cut", async () => {
  const word = fc.string({ unit: fc.constantFrom("a", "ß", "€", "🙂"), minLength: 1 });
  const words = fc.array(word, { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(words, fc.array(fc.nat()), fc.boolean(), async (lines, places, last) => {
      const text = lines.join("\n") + (last ? "\n" : "");
      assert.deepEqual(await linesOf(cut(new TextEncoder().encode(text), places)), lines);
    }),
  );
});

Deno.test("lines: control characters, colours and bad bytes are made harmless", async () => {
  const text = "a\x1b[31mb\x1b[0mc\r\n\n \x07\t \nd\x00e\n";
  assert.deepEqual(await linesOf([new TextEncoder().encode(text)]), ["abc", "d e"]);
  assert.deepEqual(await linesOf([Uint8Array.of(0xff, 0x61, 0x0a)]), ["\uFFFDa"]);
});

Deno.test("lines: a long one is cut into pieces, ended or not", async () => {
  const long = new TextEncoder().encode("x".repeat(20_000));
  for (const chunks of [[long], cut(long, [5, 9_000, 19_999]), [long, Uint8Array.of(0x0a)]]) {
    const lines = await linesOf(chunks);
    assert.equal(lines.join("").length, 20_000);
    assert.ok(lines.every((line) => line.length <= 8_192));
  }
});
