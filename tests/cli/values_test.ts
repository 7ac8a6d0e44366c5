import assert from "node:assert/strict";
import fc from "fast-check";
import {
  addressesKind,
  addressKind,
  durationKind,
  instantKind,
  integerKind,
  numberKind,
  oneOfKind,
  percentKind,
  textKind,
} from "../../cli/values.ts";

Deno.test("a percentage is read as a fraction", () => {
  const cases: readonly [string, number | undefined][] = [
    ["1%", 0.01],
    ["0.1%", 0.001],
    ["0%", 0],
    ["0", 0],
    ["100%", 1],
    ["33.3%", 33.3 / 100],
    ["100.1%", undefined],
    ["1", undefined],
    ["-1%", undefined],
    ["1 %", undefined],
    ["%", undefined],
    [".5%", undefined],
    ["1e1%", undefined],
    ["", undefined],
  ];
  for (const [text, value] of cases) assert.equal(percentKind.read(text), value, text);
});

Deno.test("property: every percentage with up to three decimals is read back", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 100_000 }), (thousandths) => {
    assert.equal(percentKind.read(`${thousandths / 1000}%`), thousandths / 1000 / 100);
  }));
});

Deno.test("numbers are decimal, within their bounds, and nothing that Number() takes beside", () => {
  const kind = numberKind({ min: 0, max: 10 });
  assert.equal(kind.must, "a number from 0 to 10");
  for (const [text, value] of [["0", 0], ["2.5", 2.5], ["1e1", 10], ["+3", 3]] as const) {
    assert.equal(kind.read(text), value);
  }
  for (const text of ["", " 1", "0x1", "Infinity", "NaN", "1_000", "-0.1", "10.1", "1,5", "--1"]) {
    assert.equal(kind.read(text), undefined, text);
  }
  assert.equal(numberKind().read("1e999"), undefined);
});

Deno.test("whole numbers have no fraction and are exact", () => {
  const kind = integerKind({ min: 1 });
  assert.equal(kind.must, "a whole number of at least 1");
  assert.equal(kind.read("7"), 7);
  assert.equal(kind.read("9007199254740991"), 9007199254740991);
  for (const text of ["0", "1.5", "9007199254740993"]) assert.equal(kind.read(text), undefined);
  assert.equal(integerKind({ max: 3 }).must, "a whole number of at most 3");
});

Deno.test("durations are in ms and within their bounds", () => {
  const kind = durationKind({ min: 1000, max: 60_000 });
  assert.equal(kind.must, "a duration such as 500ms, 10s, 1m or 2h from 1s to 1m");
  assert.equal(kind.read("1m"), 60_000);
  for (const text of ["999ms", "61s", "10", "", "-1s"]) assert.equal(kind.read(text), undefined);
});

Deno.test("instants carry their zone", () => {
  assert.equal(instantKind.read("2026-01-31T09:00:00Z"), Date.UTC(2026, 0, 31, 9));
  assert.equal(instantKind.read("2026-01-31T10:00:00+01:00"), Date.UTC(2026, 0, 31, 9));
  for (const text of ["2026-01-31", "2026-01-31T09:00:00", "yesterday", ""]) {
    assert.equal(instantKind.read(text), undefined, text);
  }
});

Deno.test("addresses are host:port", () => {
  assert.deepEqual(addressesKind.read("a:1, b.example:9092,[::1]:65535"), [
    "a:1",
    "b.example:9092",
    "[::1]:65535",
  ]);
  const wrong = ["", "a", "a:", ":1", "a:0", "a:65536", "http://a:1", "a:1,", "a b:1", "::1:9"];
  for (const text of wrong) {
    assert.equal(addressesKind.read(text), undefined, text);
    assert.equal(addressKind.read(text), undefined, text);
  }
  assert.equal(addressKind.read("a:1,b:2"), undefined);
});

Deno.test("one of a few words, and any text but none", () => {
  const kind = oneOfKind(["plain", "scram-256"]);
  assert.equal(kind.must, "one of plain, scram-256");
  assert.equal(kind.read("plain"), "plain");
  assert.equal(kind.read("PLAIN"), undefined);
  assert.equal(textKind.read("x"), "x");
  assert.equal(textKind.read(""), undefined);
});
