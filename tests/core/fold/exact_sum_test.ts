import assert from "node:assert/strict";
import fc from "fast-check";
import { addToExpansion, mergeExpansions, roundExpansion } from "../../../core/fold/exact_sum.ts";

/** An oracle of its own: sums as BigInt multiples of 2^-1074, rounded half to even by hand. */
const oracle = {
  view: new DataView(new ArrayBuffer(8)),
  scaled(x: number): bigint {
    this.view.setFloat64(0, x);
    const bits = this.view.getBigUint64(0);
    const exponent = (bits >> 52n) & 0x7ffn;
    const fraction = bits & 0xfffffffffffffn;
    const magnitude = exponent === 0n ? fraction : (fraction | 1n << 52n) << (exponent - 1n);
    return bits >> 63n === 1n ? -magnitude : magnitude;
  },
  round(scaled: bigint): number {
    const magnitude = scaled < 0n ? -scaled : scaled;
    const shift = BigInt(Math.max(0, magnitude.toString(2).length - 53));
    let mantissa = magnitude >> shift;
    const rest = magnitude - (mantissa << shift);
    const half = shift === 0n ? 0n : 1n << (shift - 1n);
    if (rest > half || (rest === half && shift > 0n && mantissa % 2n === 1n)) mantissa += 1n;
    // A carry out of the mantissa runs into the exponent, as it must.
    this.view.setBigUint64(0, (shift << 52n) + mantissa);
    const rounded = this.view.getFloat64(0);
    return scaled < 0n ? -rounded : rounded;
  },
  sum(xs: readonly number[]): number {
    return this.round(xs.reduce((sum, x) => sum + this.scaled(x), 0n));
  },
};

const LIMIT = 2 ** 959;
/** Powers of two and their neighbours: sums of few of them hit ties and long cancellations. */
const bitty = fc.tuple(
  fc.integer({ min: -1074, max: 958 }),
  fc.constantFrom(1, 1.5, 1 + 2 ** -52, 2 - 2 ** -52),
  fc.constantFrom(1, -1),
).map(([exponent, mantissa, sign]) => sign * mantissa * 2 ** exponent);
const near = fc.tuple(
  fc.integer({ min: -4, max: 60 }),
  fc.constantFrom(1, -1),
).map(([exponent, sign]) => sign * 2 ** exponent);
const numbers = fc.oneof(
  fc.double({ min: -LIMIT, max: LIMIT, noNaN: true }),
  fc.double({ min: -1e-300, max: 1e-300, noNaN: true }),
  fc.integer(),
  fc.integer().map((n) => n / 100),
  bitty,
  near,
  fc.constantFrom(0, -0, 5e-324, -5e-324, 2 ** 53, -(2 ** 53), 0.1, -0.1),
);
const lists = fc.oneof(
  fc.array(numbers, { maxLength: 60 }),
  fc.array(near, { maxLength: 12 }),
  // Everything cancels but little.
  fc.tuple(fc.array(numbers, { maxLength: 20 }), fc.array(numbers, { maxLength: 2 })).map(
    ([xs, rest]) => [...xs, ...rest, ...xs.map((x) => -x)],
  ),
);

function expansionOf(xs: readonly number[]): number[] {
  const parts: number[] = [];
  for (const x of xs) addToExpansion(parts, x);
  return parts;
}

/** The promises that an expansion makes. */
function assertIsExpansion(parts: readonly number[]): void {
  let below = 0n;
  for (const part of parts) {
    assert.ok(part !== 0 && Number.isFinite(part), `${parts}`);
    const scaled = oracle.scaled(part);
    const magnitude = scaled < 0n ? -scaled : scaled;
    const lowestBit = magnitude & -magnitude;
    assert.ok(below < lowestBit, `overlap in ${parts}`);
    below = magnitude;
  }
}

Deno.test("an expansion holds the exact sum and rounds it correctly", () => {
  fc.assert(
    fc.property(lists, (xs) => {
      const parts = expansionOf(xs);
      assertIsExpansion(parts);
      const exact = xs.reduce((sum, x) => sum + oracle.scaled(x), 0n);
      assert.equal(parts.reduce((sum, x) => sum + oracle.scaled(x), 0n), exact);
      assert.ok(Object.is(roundExpansion(parts), oracle.round(exact)));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("the order of adding doesn't matter", () => {
  const shuffled = lists.chain((xs) =>
    fc.tuple(fc.constant(xs), fc.shuffledSubarray(xs, { minLength: xs.length }))
  );
  fc.assert(fc.property(shuffled, ([xs, ys]) => {
    assert.ok(Object.is(roundExpansion(expansionOf(xs)), roundExpansion(expansionOf(ys))));
  }));
});

Deno.test("the tree of merging doesn't matter", () => {
  const merges = fc.tuple(
    fc.array(lists, { minLength: 1, maxLength: 8 }),
    fc.infiniteStream(fc.nat()),
  );
  fc.assert(fc.property(merges, ([groups, picks]) => {
    const expansions = groups.map(expansionOf);
    while (expansions.length > 1) {
      const [from = []] = expansions.splice(picks.next().value % expansions.length, 1);
      const into = expansions[picks.next().value % expansions.length] ?? [];
      const before = from.slice();
      mergeExpansions(into, from);
      assert.deepEqual(from, before);
      assertIsExpansion(into);
    }
    assert.ok(Object.is(roundExpansion(expansions[0] ?? []), oracle.sum(groups.flat())));
  }));
});

Deno.test("the cases of Python's test of math.fsum", () => {
  const powers = Array.from({ length: 1001 }, (_, i) => 1.7 ** i);
  const cases: [number[], number][] = [
    [[], 0],
    [[0], 0],
    [[-0], 0],
    [[1e100, 1, -1e100, 1e-100, 1e50, -1, -1e50], 1e-100],
    [[2 ** 53, -0.5, -(2 ** -54)], 2 ** 53 - 1],
    [[2 ** 53, 1, 2 ** -100], 2 ** 53 + 2],
    [[2 ** 53 + 10, 1, 2 ** -100], 2 ** 53 + 12],
    [[2 ** 53 - 4, 0.5, 2 ** -54], 2 ** 53 - 3],
    [Array.from({ length: 1000 }, (_, i) => 1 / (i + 1)), 7.485470860550345],
    [Array.from({ length: 1000 }, (_, i) => (-1) ** (i + 1) / (i + 1)), -0.6926474305598203],
    [[...powers.slice(1).map((p, i) => p - (powers[i] ?? 0)), -(powers[1000] ?? 0)], -1],
    [Array.from({ length: 10 }, () => 0.1), 1],
  ];
  for (const [xs, sum] of cases) {
    assert.ok(Object.is(roundExpansion(expansionOf(xs)), sum), `${xs}`);
  }
});

Deno.test("ties go to even, unless something below breaks them", () => {
  const big = 2 ** 53;
  assert.equal(roundExpansion(expansionOf([big, 1])), big);
  assert.equal(roundExpansion(expansionOf([big + 2, 1])), big + 4);
  assert.equal(roundExpansion(expansionOf([big, 1, 5e-324])), big + 2);
  assert.equal(roundExpansion(expansionOf([big + 2, 1, -5e-324])), big + 2);
  assert.equal(roundExpansion(expansionOf([-big, -1, -5e-324])), -big - 2);
});

Deno.test("an integer sum stays one number, a decimal one at most two", () => {
  const integers = expansionOf(Array.from({ length: 10_000 }, (_, i) => i * 1009 - 4_000_000));
  assert.equal(integers.length, 1);
  const decimals = expansionOf(Array.from({ length: 10_000 }, (_, i) => (i * 37 % 1000) / 10));
  assert.ok(decimals.length <= 2);
  // The bits that a large number left behind are put together again.
  const after = expansionOf([
    2 ** 80,
    2 ** 140,
    ...decimals,
    0.3,
    0.7,
    -(2 ** 140),
    0.9,
    -(2 ** 80),
  ]);
  assert.ok(after.length <= 2, `${after}`);
});

Deno.test("the largest numbers allowed don't overflow", () => {
  const parts = expansionOf(Array.from({ length: 1000 }, () => 2 ** 959 * (2 - 2 ** -52)));
  assert.ok(Number.isFinite(roundExpansion(parts)));
});

Deno.test("an expansion merged into itself doubles", () => {
  fc.assert(fc.property(lists, (xs) => {
    const parts = expansionOf(xs);
    mergeExpansions(parts, parts);
    assert.ok(Object.is(roundExpansion(parts), oracle.sum([...xs, ...xs])));
  }));
});
