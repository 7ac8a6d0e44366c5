import assert from "node:assert/strict";
import fc from "fast-check";
import { addToExpansion, roundExpansion } from "../../core/fold/exact_sum.ts";
import { multipleOf, nearestDouble } from "./exact.ts";

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });

Deno.test("a double comes back from its multiple", () => {
  fc.assert(fc.property(finite, (x) => assert.equal(nearestDouble(multipleOf(x)), x + 0)));
  for (const x of [5e-324, 2 ** -1022, 2 ** -1023, Number.MAX_VALUE, 2 ** 53 - 1]) {
    assert.equal(nearestDouble(multipleOf(x)), x);
  }
});

Deno.test("ties go to the even one", () => {
  const unit = multipleOf(1);
  assert.equal(nearestDouble((2n ** 53n + 1n) * unit), 2 ** 53);
  assert.equal(nearestDouble((2n ** 53n + 3n) * unit), 2 ** 53 + 4);
  assert.equal(nearestDouble((2n ** 53n + 1n) * unit + 1n), 2 ** 53 + 2);
});

Deno.test("core's sums agree with sums in whole numbers", () => {
  const number = fc.oneof(
    fc.integer(),
    fc.integer().map((n) => n / 10),
    fc.double({ min: -1e250, max: 1e250, noNaN: true }),
  );
  fc.assert(
    fc.property(fc.array(number, { maxLength: 30 }), (numbers) => {
      const parts: number[] = [];
      for (const number of numbers) addToExpansion(parts, number);
      const exact = numbers.map(multipleOf).reduce((sum, multiple) => sum + multiple, 0n);
      assert.equal(roundExpansion(parts), nearestDouble(exact));
    }),
    { numRuns: 500 },
  );
});
