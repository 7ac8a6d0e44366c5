/**
 * Exact sums in whole numbers, as different from the expansions of core as can be: every double is
 * a whole multiple of 2^-1074.
 *
 * @module
 */

const view = new DataView(new ArrayBuffer(8));

/**
 * A double as a whole multiple of 2^-1074.
 *
 * @param x A finite number.
 * @returns The multiple.
 */
export function multipleOf(x: number): bigint {
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const magnitude = exponent === 0
    ? fraction
    : (fraction | 0x10000000000000n) << BigInt(exponent - 1);
  return bits >> 63n === 1n ? -magnitude : magnitude;
}

/**
 * The double nearest to a multiple of 2^-1074, ties to even.
 *
 * @param multiple The multiple; below the range of doubles.
 * @returns The double; never -0.
 */
export function nearestDouble(multiple: bigint): number {
  const magnitude = multiple < 0n ? -multiple : multiple;
  const cut = Math.max(0, magnitude.toString(2).length - 53);
  let fraction = magnitude >> BigInt(cut);
  const rest = magnitude - (fraction << BigInt(cut));
  const twice = rest * 2n - (1n << BigInt(cut));
  if (cut > 0 && (twice > 0n || (twice === 0n && (fraction & 1n) === 1n))) fraction += 1n;
  // A fraction that was rounded up to 2^53 stays exact.
  const value = Number(fraction) * 2 ** (cut - 1074);
  return multiple < 0n ? -value : value;
}
