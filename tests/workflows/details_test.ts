import assert from "node:assert/strict";
import fc from "fast-check";
import { instant, table, text } from "../../workflows/details.ts";

/** What a browser makes of the entities. */
function shown(escaped: string): string {
  return escaped.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
}

Deno.test("a table has a line for its head, one below it, and one a row", () => {
  assert.equal(
    table(["course", "events"], [["CS-101", 3], ["CS-204", -0.5]]),
    "| course | events |\n|---|---|\n| CS-101 | 3 |\n| CS-204 | -0.5 |",
  );
  assert.equal(table(["a"], []), "| a |\n|---|");
});

Deno.test("a table shows what is no text", () => {
  assert.equal(
    table(["x"], [[null], [true], [undefined]]),
    "| x |\n|---|\n| null |\n| true |\n| undefined |",
  );
});

Deno.test("the content of a cell can't end it, or be taken for Markdown or HTML", () => {
  const cells: readonly (readonly [string, string])[] = [
    ["a|b", "a&#124;b"],
    ["a\\|b", "a&#92;&#124;b"],
    ["<img src=x onerror=alert(1)>", "&#60;img src=x onerror=alert(1)&#62;"],
    ["&lt;", "&#38;lt;"],
    [
      "**bold** __bold__ `code` ~~gone~~",
      "&#42;&#42;bold&#42;&#42; &#95;&#95;bold&#95;&#95; " +
      "&#96;code&#96; &#126;&#126;gone&#126;&#126;",
    ],
    ["[link](http://x) ![image](y)", "&#91;link&#93;(http://x) &#33;&#91;image&#93;(y)"],
    ["# head", "&#35; head"],
    ["one\r\ntwo\n\nthree\rfour", "one two three four"],
    ["{x}", "&#123;x&#125;"],
    ["plain, with: signs; and (more) - 100 % +1 = 2 'a' \"b\" é 漢 🎓", ""],
  ];
  for (const [cell, escaped] of cells) assert.equal(text(cell), escaped || cell);
});

Deno.test("a table keeps its shape and its content, whatever is in it", () => {
  const word = fc.string({ unit: "binary", maxLength: 20 });
  const rows = fc.integer({ min: 1, max: 4 }).chain((width) =>
    fc.tuple(
      fc.array(word, { minLength: width, maxLength: width }),
      fc.array(fc.array(word, { minLength: width, maxLength: width }), { maxLength: 5 }),
    )
  );
  fc.assert(
    fc.property(rows, ([head, body]) => {
      const lines = table(head, body).split(/[\r\n]/);
      assert.equal(lines.length, body.length + 2);
      const cells = (line: string) => line.slice(2, -2).split(" | ");
      for (const [i, row] of [head, ...body].entries()) {
        const line = lines[i === 0 ? 0 : i + 1] ?? "";
        assert.equal(line.split("|").length, row.length + 2);
        assert.deepEqual(cells(line).map(shown), row.map((cell) => cell.replace(/[\r\n]+/g, " ")));
        assert.doesNotMatch(line.replaceAll("&#", ""), /[\\`*_{}[\]<>#&~!]/);
      }
    }),
    { numRuns: 50 },
  );
});

Deno.test("a time that is not known is a dash", () => {
  assert.equal(instant(null), "–");
  assert.equal(instant(0), "1970-01-01T00:00:00.000Z");
  assert.equal(instant(Date.parse("2026-03-01T10:00:00.005Z")), "2026-03-01T10:00:00.005Z");
});
