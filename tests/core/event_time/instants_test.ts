import assert from "node:assert/strict";
import fc from "fast-check";
import {
  formatDuration,
  formatInstant,
  MAX_INSTANT_MS,
  parseDuration,
  parseInstant,
} from "../../../core/event_time/instants.ts";

const instants = fc.oneof(
  fc.integer({ min: -MAX_INSTANT_MS, max: MAX_INSTANT_MS }),
  fc.integer({ min: Date.UTC(1900, 0), max: Date.UTC(2100, 0) }),
);

Deno.test("parseInstant reads back what formatInstant prints, over the whole range", () => {
  fc.assert(fc.property(instants, (ms) => {
    assert.equal(parseInstant(formatInstant(ms)), ms);
  }));
  assert.equal(parseInstant("+275760-09-13T00:00:00.000Z"), MAX_INSTANT_MS);
  assert.equal(parseInstant("-271821-04-20T00:00:00.000Z"), -MAX_INSTANT_MS);
});

Deno.test("parseInstant agrees with ECMAScript on its own date-time format", () => {
  const parts = fc.tuple(
    fc.integer({ min: 0, max: 9999 }),
    fc.integer({ min: 0, max: 13 }),
    fc.integer({ min: 0, max: 32 }),
    fc.integer({ min: 0, max: 23 }),
    fc.integer({ min: 0, max: 60 }),
    fc.integer({ min: 0, max: 60 }),
    fc.constantFrom("Z", "+00:00", "-00:00", "+05:30", "-11:45", "+23:59"),
  );
  fc.assert(
    fc.property(parts, ([year, month, day, hour, minute, second, offset]) => {
      const two = (n: number) => String(n).padStart(2, "0");
      const date = `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
      const text = `${date}T${two(hour)}:${two(minute)}:${two(second)}.250${offset}`;
      const parsed = Date.parse(text);
      // V8 takes the 30th of February for the 1st of March; the calendar doesn't.
      const real = new Date(`${date}T00:00:00.000Z`);
      const exists = !Number.isNaN(real.getTime()) && real.toISOString().startsWith(date);
      const expected = Number.isNaN(parsed) || !exists ? undefined : parsed;
      assert.equal(parseInstant(text), expected, text);
    }),
    { numRuns: 500 },
  );
});

Deno.test("parseInstant takes the forms of RFC 3339 and their kin", () => {
  const noon = Date.UTC(2026, 0, 2, 12, 0, 0);
  const cases: [string, number][] = [
    ["2026-01-02T12:00:00Z", noon],
    ["2026-01-02T12:00:00.123Z", noon + 123],
    ["2026-01-02t12:00:00z", noon],
    ["2026-01-02 12:00:00Z", noon],
    ["2026-01-02T12:00:00.5Z", noon + 500],
    ["2026-01-02T12:00:00.05Z", noon + 50],
    ["2026-01-02T12:00:00.123456789Z", noon + 123],
    ["2026-01-02T12:00:00.9999999999999999999999Z", noon + 999],
    ["2026-01-02T14:00:00+02:00", noon],
    ["2026-01-02T14:00:00+0200", noon],
    ["2026-01-02T06:30:00.001-05:30", noon + 1],
    ["2026-01-02T12:00:00-00:00", noon],
    ["+002026-01-02T12:00:00.000Z", noon],
    ["+002026-01-02T13:00:00.5+01:00", noon + 500],
    // 719,528 days before 1970, as counted by Howard Hinnant's days_from_civil, plus 59.
    ["0000-02-29T00:00:00.000Z", (-719_528 + 59) * 86_400_000],
    ["2000-02-29T00:00:00Z", Date.UTC(2000, 1, 29)],
    ["1969-12-31T23:59:59.999Z", -1],
    ["1969-12-31T23:59:59.9999Z", -1],
  ];
  for (const [text, ms] of cases) assert.equal(parseInstant(text), ms, text);
});

Deno.test("parseInstant refuses all else", () => {
  const texts = [
    "",
    "now",
    "0",
    "1767225600000",
    "2026-01-02",
    "2026-01-02T12:00:00",
    "2026-01-02T12:00:00.123",
    "2026-01-02T12:00Z",
    "2026-01-02T12:00:00 Z",
    " 2026-01-02T12:00:00Z",
    "2026-01-02T12:00:00Z ",
    "2026-01-02T12:00:00.Z",
    "2026-01-02T12:00:00,5Z",
    "2026-01-02T12:00:00.12Zx",
    "2026-01-02T12:00:00.12xZ",
    "2026-01-02T24:00:00Z",
    "2026-01-02T12:60:00Z",
    "2026-01-02T23:59:60Z",
    "2026-02-29T12:00:00Z",
    "2026-02-30T12:00:00.000Z",
    "2026-04-31T12:00:00Z",
    "1900-02-29T12:00:00Z",
    "2026-00-02T12:00:00Z",
    "2026-13-02T12:00:00Z",
    "2026-01-00T12:00:00Z",
    "2026-01-32T12:00:00Z",
    "2026/01/02T12:00:00Z",
    "2026-01-02_12:00:00Z",
    "2026-01-02T12.00.00Z",
    "2026-01-02T12:00:00+1",
    "2026-01-02T12:00:00+02",
    "2026-01-02T12:00:00+24:00",
    "2026-01-02T12:00:00+02:60",
    "2026-01-02T12:00:00+02:0",
    "2026-01-02T12:00:00+02:000",
    "2026-01-02T12:00:00−02:00",
    "20260102T120000Z",
    "٢٠٢٦-01-02T12:00:00Z",
    "26-01-02T12:00:00Z",
    "+2026-01-02T12:00:00Z",
    "-000000-01-01T00:00:00.000Z",
    "+275760-09-13T00:00:00.001Z",
    "+275760-09-13T00:00:00.000-00:01",
    "-271821-04-19T23:59:59.999Z",
    "+999999-01-01T00:00:00.000Z",
    "Fri, 02 Jan 2026 12:00:00 GMT",
  ];
  for (const text of texts) assert.equal(parseInstant(text), undefined, JSON.stringify(text));
});

Deno.test("parseInstant never throws, and takes no text that Date would call invalid", () => {
  const mangled = fc.tuple(instants, fc.nat(30), fc.string({ maxLength: 3 })).map(
    ([ms, at, junk]) => {
      const text = formatInstant(ms);
      return text.slice(0, at) + junk + text.slice(at + 1);
    },
  );
  fc.assert(fc.property(fc.oneof(fc.string(), mangled), (text) => {
    const ms = parseInstant(text);
    if (ms === undefined) return;
    assert.ok(Number.isInteger(ms) && Math.abs(ms) <= MAX_INSTANT_MS);
    assert.equal(parseInstant(formatInstant(ms)), ms);
  }));
});

Deno.test("formatInstant refuses what has no ISO date", () => {
  assert.equal(formatInstant(-1), "1969-12-31T23:59:59.999Z");
  assert.throws(() => formatInstant(MAX_INSTANT_MS + 1), RangeError);
});

Deno.test("durations: text to ms and back", () => {
  const cases: [string, number][] = [
    ["0", 0],
    ["500ms", 500],
    ["10s", 10_000],
    ["1m", 60_000],
    ["1m30s", 90_000],
    ["2h", 7_200_000],
    ["1d", 86_400_000],
    ["1d1h1m1s1ms", 90_061_001],
  ];
  for (const [text, ms] of cases) {
    assert.equal(parseDuration(text), ms, text);
    assert.equal(formatDuration(ms), text);
  }
  assert.equal(parseDuration("90s"), 90_000);
  assert.equal(parseDuration("0s"), 0);
  assert.equal(formatDuration(-90_000), "-1m30s");
  assert.equal(formatDuration(0.6), "1ms");
  fc.assert(fc.property(fc.maxSafeNat(), (ms) => {
    assert.equal(parseDuration(formatDuration(ms)), ms);
  }));
});

Deno.test("parseDuration refuses all else", () => {
  const texts = [
    "",
    "10",
    "s",
    "-1s",
    "+1s",
    "1.5s",
    "1 s",
    " 1s",
    "1S",
    "1s1m",
    "1s1s",
    "1e3s",
    "1w",
    "00",
    "99999999999999999999d",
    "1s\n",
  ];
  for (const text of texts) assert.equal(parseDuration(text), undefined, JSON.stringify(text));
});
