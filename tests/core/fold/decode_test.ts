import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeBatch,
  type Decoded,
  decodeOne,
  hasUnsafeInteger,
} from "../../../core/fold/decode.ts";

const NONCE = "5b0f7a52-0000-4000-8000-0123456789ab";
const SENTINEL = `\x7f${NONCE}`;
const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

function decodeTexts(texts: readonly string[]): Decoded[] {
  return decodeBatch(texts.map(bytesOf), NONCE, decodeText);
}

function reasons(decoded: readonly Decoded[]): string[] {
  return decoded.map((result) => result.ok ? "ok" : result.reason);
}

/** What a record is worth alone, by the platform's own decoder and parser. */
function alone(
  value: Uint8Array | null,
): { ok: true; value: unknown } | { ok: false; reason: string } {
  if (value === null) return { ok: false, reason: "null-value" };
  const text = decodeText(value);
  if (text === undefined) return { ok: false, reason: "utf8" };
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    return { ok: false, reason: "json" };
  }
}

function assertAsAlone(values: readonly (Uint8Array | null)[]): void {
  const decoded = decodeBatch(values, NONCE, decodeText);
  assert.equal(decoded.length, values.length);
  for (const [i, result] of decoded.entries()) {
    const expected = alone(values[i] ?? null);
    const got = result.ok ? result : { ok: false, reason: result.reason };
    assert.deepEqual(got, expected, `record ${i}`);
  }
}

Deno.test("good records come out in order, parsed at once", () => {
  const texts = Array.from({ length: 500 }, (_, i) => JSON.stringify({ i, text: `é"\\${i}` }));
  let calls = 0;
  const decoded = decodeBatch(texts.map(bytesOf), NONCE, (bytes) => {
    calls += 1;
    return decodeText(bytes);
  });
  assert.equal(calls, 1);
  assert.deepEqual(decoded, texts.map((text) => ({ ok: true, value: JSON.parse(text) })));
});

Deno.test("two malformed neighbours never pass for two good records", () => {
  assert.deepEqual(reasons(decodeTexts(['{"a":1},{"b":[{}', "{}]}"])), ["json", "json"]);
  assert.deepEqual(reasons(decodeTexts(['{"a":1', '"b":2}'])), ["json", "json"]);
  assert.deepEqual(reasons(decodeTexts(["1,2", ""])), ["json", "json"]);
  assert.deepEqual(reasons(decodeTexts(["[1", "2]"])), ["json", "json"]);
  assert.deepEqual(reasons(decodeTexts(['"a', 'b"'])), ["json", "json"]);
});

Deno.test("not even if they know the sentinel", () => {
  const forged = [
    // Brings its own sentinel and swallows the real one.
    [`{"a":1},"${SENTINEL}",{"b":[{}`, "{}]}"],
    // The same with an escaped spelling of it.
    [`1,"\\u007f${NONCE}",[2`, "3]"],
    [`1,"\\u007F${NONCE}",[2`, "3]"],
    [`1,"${SENTINEL}"`, `"${SENTINEL}",2`],
    [`1,"${SENTINEL}",2`, "3"],
    [`"${SENTINEL}"`, `"${SENTINEL}"`],
  ];
  for (const texts of forged) assertAsAlone(texts.map(bytesOf));
  assert.deepEqual(decodeTexts([`"${SENTINEL}"`, "1"])[0], { ok: true, value: SENTINEL });
});

Deno.test("a batch gives what each record gives alone", () => {
  const piece = fc.constantFrom(
    ...["{", "}", "[", "]", ",", ":", '"', "\\", " ", "\n", "1", "-0", "1e999", "null", "tru", "e"],
    ...['{"a":1}', '"a":', "[]", "{}", "\ufeff", "\u2028", "\x7f", "\\u007f", "\0", "😀"],
    ...[SENTINEL, `"${SENTINEL}"`, `,"${SENTINEL}",`, `"\\u007f${NONCE}"`, NONCE, `"${NONCE}"`],
  );
  const broken = fc.constantFrom([0xff], [0xc3], [0x80], [0xed, 0xa0, 0x80], [0xf0, 0x9f]);
  const text = fc.array(piece, { maxLength: 7 }).map((pieces) => [...bytesOf(pieces.join(""))]);
  const json = fc.json().map((source) => [...bytesOf(source)]);
  const value = fc.oneof(
    text,
    json,
    fc.tuple(text, broken, text).map((parts) => parts.flat()),
    fc.tuple(json, broken).map((parts) => parts.flat()),
  ).map((bytes) => Uint8Array.from(bytes));
  const batch = fc.array(fc.option(value, { freq: 8 }), { maxLength: 8 });
  fc.assert(fc.property(batch, assertAsAlone), { numRuns: 2000 });
  // Two records that only make sense together are the dangerous case: cut good ones anywhere.
  const cut = fc.tuple(fc.array(fc.json(), { minLength: 2, maxLength: 5 }), fc.nat(), fc.boolean())
    .map(([sources, at, sentinel]) => {
      const source = sources.join(sentinel ? `,"${SENTINEL}",` : ",");
      const middle = at % (source.length + 1);
      return [source.slice(0, middle), source.slice(middle)].map(bytesOf);
    });
  fc.assert(fc.property(cut, assertAsAlone), { numRuns: 2000 });
});

Deno.test("one bad record costs its neighbours nothing", () => {
  const values: (Uint8Array | null)[] = Array.from(
    { length: 1200 },
    (_, i) => bytesOf(`{"i":${i}}`),
  );
  values[3] = bytesOf("{");
  values[700] = Uint8Array.from([0x22, 0xff, 0x22]);
  values[701] = null;
  values[702] = new Uint8Array(0);
  assertAsAlone(values);
  const decoded = decodeBatch(values, NONCE, decodeText);
  assert.deepEqual(
    decoded.flatMap((result, i) => result.ok ? [] : [[i, result.reason]]),
    [[3, "json"], [700, "utf8"], [701, "null-value"], [702, "json"]],
  );
});

Deno.test("tombstones, empty values, blanks and byte order marks", () => {
  const values = [null, new Uint8Array(0), bytesOf("  "), bytesOf("\ufeff{}"), bytesOf(" {} ")];
  assert.deepEqual(reasons(decodeBatch(values, NONCE, decodeText)), [
    "null-value",
    "json",
    "json",
    "json",
    "ok",
  ]);
  assert.deepEqual(reasons(decodeBatch([bytesOf("\ufeff{}")], NONCE, decodeText)), ["json"]);
  assert.deepEqual(decodeBatch([], NONCE, decodeText), []);
  assert.deepEqual(reasons(decodeBatch([null], NONCE, decodeText)), ["null-value"]);
});

Deno.test("deep nesting and large records don't crash, whatever stands beside them", () => {
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  const open = '{"a":'.repeat(100_000);
  const large = JSON.stringify({ text: "x".repeat(1024 * 1024) });
  const texts = ["{}", deep, "1", open, large, "2"];
  const batch = reasons(decodeTexts(texts));
  assert.deepEqual(
    batch,
    texts.map((text) => decodeOne(bytesOf(text), decodeText).ok ? "ok" : "json"),
  );
  assert.deepEqual([batch[0], batch[2], batch[3], batch[4], batch[5]], [
    "ok",
    "ok",
    "json",
    "ok",
    "ok",
  ]);
});

Deno.test("a parser that runs out of stack makes the record invalid", () => {
  // V8 parses without recursion; other engines throw a RangeError.
  const parse = JSON.parse;
  const texts = ["{}", "[[[[]]]]"].map(bytesOf);
  try {
    JSON.parse = (text: string) => {
      if (text.includes("[[[[")) throw new RangeError("Maximum call stack size exceeded");
      return parse(text);
    };
    assert.deepEqual(reasons(decodeBatch(texts, NONCE, decodeText)), ["ok", "json"]);
  } finally {
    JSON.parse = parse;
  }
});

Deno.test("odd but valid JSON is kept as JSON.parse keeps it", () => {
  const [duplicate, proto, infinite, zero] = decodeTexts([
    '{"a":1,"a":2}',
    '{"__proto__":{"a":1}}',
    "1e999",
    "-0",
  ]);
  assert.deepEqual(duplicate, { ok: true, value: { a: 2 } });
  assert.ok(proto?.ok && Object.hasOwn(Object(proto.value), "__proto__"));
  assert.deepEqual(infinite, { ok: true, value: Infinity });
  assert.ok(zero?.ok && Object.is(zero.value, -0));
});

Deno.test("a decoded value doesn't change when the next batch is decoded", () => {
  const [first] = decodeTexts(['{"text":"aaaaaaaaaaaaaaaaaaaa"}', "1"]);
  decodeTexts(['{"text":"bbbbbbbbbbbbbbbbbbbb"}', "1"]);
  assert.deepEqual(first, { ok: true, value: { text: "aaaaaaaaaaaaaaaaaaaa" } });
});

Deno.test("hasUnsafeInteger looks at integer literals outside of strings only", () => {
  const unsafe = [
    "9007199254740993",
    "9007199254740992",
    "-9007199254740992",
    "10000000000000000",
    '{"a":[1,{"b":123456789012345678901234567890}]}',
    '{"a\\"":9007199254740993}',
    '["\\\\",9007199254740993]',
    "1" + "0".repeat(308),
  ];
  const safe = [
    "9007199254740991",
    "-9007199254740991",
    "9007199254740993.0",
    "9007199254740993e0",
    "1e300",
    "1E+30",
    '"9007199254740993"',
    '{"9007199254740993":1}',
    '"\\"9007199254740993"',
    '["\\\\\\"",1,"9007199254740993"]',
    '"9007199254740993',
    "0",
    "",
  ];
  for (const text of unsafe) assert.equal(hasUnsafeInteger(text), true, text);
  for (const text of safe) assert.equal(hasUnsafeInteger(text), false, text);
  const item = fc.oneof(
    fc.bigInt({ min: -(2n ** 56n), max: 2n ** 56n }),
    fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 3n }),
    fc.string({ unit: fc.constantFrom('"', "\\", "9", "0", "-", ".", "e", ",") }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => ({ source: x.toExponential() })),
  );
  fc.assert(fc.property(fc.array(item), (items) => {
    const source = items.map((x) =>
      typeof x === "bigint" ? String(x) : typeof x === "string" ? JSON.stringify(x) : x.source
    );
    const limit = BigInt(Number.MAX_SAFE_INTEGER);
    const expected = items.some((x) => typeof x === "bigint" && (x > limit || x < -limit));
    assert.equal(hasUnsafeInteger(`[${source.join(",")}]`), expected);
  }));
});

Deno.test("hasUnsafeInteger takes large records", () => {
  const quotes = JSON.stringify('"'.repeat(1024 * 1024));
  assert.equal(hasUnsafeInteger(`{"a":${quotes},"b":9007199254740993}`), true);
  assert.equal(hasUnsafeInteger(`{"a":${quotes},"b":1}`), false);
});
