/**
 * Hostile records for fast-check: of the definition `scalars`, and of none.
 *
 * @module
 */

import fc from "fast-check";

/** A record that was made up. */
export interface HostileRecord {
  /** Its partition. */
  readonly partition: number;
  /** Its timestamp; null if it has none. */
  readonly timestampMs: number | null;
  /** Its value. */
  readonly value: Uint8Array | null;
}

/** Where most event times lie. */
const BASE_MS = Date.parse("2020-01-01T00:00:00Z");
const utf8 = new TextEncoder();

const NUMBERS = [
  ...["0", "-0", "0.0", "-0.0", "1", "-1", "13", "13.0", "1.3e1", "0.1", "0.2", "1E2", "1e-7"],
  ...["1e21", "5e-324", "1e-400", "1e300", "-1e288", "9.7e288", "9.8e288", "1e999", "-1e999"],
  ...["9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740993"],
  ...[
    "9007199254740993.0",
    "9007199254740993e0",
    "123456789012345678901234567890",
    "1".repeat(5000),
  ],
  ...["01", "+1", ".5", "1.", "1e", "--1", "0x10", "1_000", "NaN", "Infinity", "-Infinity"],
  ...["true", "null", '"1"', "[]", "{}", "undefined"],
];

const TEXTS = [
  ...['""', '"a"', '"__proto__"', '"constructor"', '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"'],
  ...['"<img src=x onerror=alert(1)>"', '"\\u007f"', '"\u007f"', '"\\"],[\\""', '"\u2028"'],
  ...['"\u00e9"', '"e\u0301"', '"\\ud83d\\ude00"', '"\ud83d\ude00"', '"1"', '"null"', '"true"'],
  ...[`"${"x".repeat(252)}"`, `"${"x".repeat(253)}"`, `"${"\u00e9".repeat(126)}"`],
  ...[`"${"\u00e9".repeat(127)}"`, `"${"\\u0001".repeat(42)}"`, `"${"\\u0001".repeat(43)}"`],
  ...['"\\x"', '"\n"', '"unclosed', "'a'"],
];

const TIMES = [
  ...["2020-01-01T00:00:07Z", "2020-01-01T00:00:07.9999999Z", "2020-01-01t00:00:08z"],
  ...["2020-01-01 00:00:09+00:00", "2019-12-31T20:30:10.5-0330", "2020-02-30T00:00:00Z"],
  ...["2020-01-01", "2020-01-01T00:00:00", "2020-01-01T24:00:00Z", "2020-01-01T00:00:60Z"],
  ...["2020-01-01T00:60:00Z", "2020-01-01T00:00:00+24:00", "2020-01-01T00:00:00-00:60"],
  ...["+002020-01-01T00:00:11Z", "-000000-01-01T00:00:00Z", "+275760-09-13T00:00:00Z"],
  ...["-271821-04-20T00:00:00Z", "-271821-04-20T00:01:00Z", "+275760-09-12T23:59:00Z"],
  ...["1969-12-31T23:59:59.999Z", "0000-02-29T00:00:00Z", "not a time", "", "2020-01-01T00:00Z"],
].map((text) => JSON.stringify(text));

const TIME_NUMBERS = [
  ...["8640000000000000", "8640000000000001", "-8640000000000000", "8639999999990000", "1e15"],
  ...["-8639999999950000", "-1", "-0.5", "0.9", "1577836805000.7", "1e999", "9007199254740993"],
];

/** Records that are no event of any definition, whatever they hold. */
const OTHERS: readonly (Uint8Array | null)[] = [
  null,
  ...[
    ...["", " ", "null", "[]", "1", '"text"', "{}", "{", "[{}", "{}]", '{"a":1},{"b":2}', "{}{}"],
    ...['\ufeff{"who":1,"n":1,"at":0}', "\u00a0{}", "{'who':1}", '{"who":1,}', "//\n{}"],
    ...["[".repeat(3_000), `${"[".repeat(3_000)}${"]".repeat(3_000)}`],
  ].map((text) => utf8.encode(text)),
  Uint8Array.of(0xff),
  Uint8Array.of(0x7b, 0x7d, 0x80),
  // An encoded surrogate and an overlong slash: no UTF-8.
  Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22),
  Uint8Array.of(0x22, 0xc0, 0xaf, 0x22),
];

/** What may stand beside the fields of an event. */
const EXTRAS = [
  ...["", ',"extra":null', ',"__proto__":{"n":5}', ',"extra":"\\u007f"', ',"n":2', ',"who":"b"'],
  ...[`,"extra":${'{"deep":'.repeat(2_000)}1${"}".repeat(2_000)}`, ',"extra":NaN', ',"x":1e999'],
];

/** Any record: most of them are events. */
export function hostileRecord(): fc.Arbitrary<HostileRecord> {
  return fc.record({
    partition: fc.constantFrom(0, 1, 2),
    timestampMs: fc.oneof(
      fc.constant(null),
      moment(0, 180).map((ms) => BASE_MS + ms),
    ),
    value: fc.oneof({ weight: 9, arbitrary: eventText() }, fc.constantFrom(...OTHERS)),
  });
}

function eventText(): fc.Arbitrary<Uint8Array> {
  const time = fc.oneof(
    { weight: 12, arbitrary: moment(-10, 180).map(timeText) },
    fc.constantFrom(...TIMES, ...TIME_NUMBERS),
  );
  const number = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 20 }).map(String) },
    { weight: 6, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }).map(String) },
    fc.constantFrom(...NUMBERS),
  );
  const who = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('"a"', '"b"', "1", "true", "null") },
    fc.constantFrom(...TEXTS, ...NUMBERS),
    fc.string({ unit: "binary" }).map((text) => JSON.stringify(text)),
  );
  const extra = fc.oneof({ weight: 9, arbitrary: fc.constant("") }, fc.constantFrom(...EXTRAS));
  return fc.tuple(who, number, time, extra).map(([w, n, t, rest]) =>
    utf8.encode(`{"who":${w},"n":${n},"at":${t}${rest}}`)
  );
}

/** Milliseconds: mostly whole halves of a second, so that limits are met exactly. */
function moment(min: number, max: number): fc.Arbitrary<number> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min, max }).map((half) => half * 500) },
    fc.integer({ min: min * 500, max: max * 500 }),
  );
}

/** A time near the base: as text, or as a number. */
function timeText(ms: number): string {
  const time = BASE_MS + ms;
  return ms % 3 === 0 ? String(time) : JSON.stringify(new Date(time).toISOString());
}
