/**
 * Exact sums of floating-point numbers. A sum is kept as an expansion: an array of numbers that do
 * not overlap, in increasing magnitude and without zeros, whose exact sum is the exact sum of all
 * that was added (Shewchuk, "Adaptive Precision Floating-Point Arithmetic", 1997). So the result
 * depends neither on the order of adding nor on how sums of parts are merged, and rounding it once,
 * at the end, gives the same number as Python's `math.fsum`.
 *
 * Inputs must be finite and below 2^960 in magnitude; then 2^63 of them can't overflow.
 *
 * @module
 */

/**
 * Adds a number to an expansion, in place.
 *
 * @param x The number; finite, |x| < 2^960.
 */
export function addToExpansion(parts: number[], x: number): void {
  const length = parts.length;
  if (length === 1) {
    // The common case of integers, and of anything else that is still exact in one number.
    const a = parts[0] ?? 0;
    const sum = a + x;
    const b = sum - a;
    const error = (a - (sum - b)) + (x - b);
    if (error !== 0) {
      parts[0] = error;
      parts.push(sum);
    } else if (sum !== 0) {
      parts[0] = sum;
    } else {
      parts.length = 0;
    }
  } else if (length === 2) {
    addToPair(parts, x);
  } else if (length > 2) {
    grow(parts, x);
  } else if (x !== 0) {
    parts.push(x);
  }
}

/** The common case of decimal fractions, whose sum and its rounding error fit in two numbers. */
function addToPair(parts: number[], x: number): void {
  const low = parts[0] ?? 0;
  const high = parts[1] ?? 0;
  const sum = high + x;
  const b = sum - high;
  const error = (high - (sum - b)) + (x - b);
  const rest = low + error;
  const c = rest - low;
  if ((low - (rest - c)) + (error - c) !== 0) return grow(parts, x);
  // Both may be of the same magnitude, or cancel: put the leading bits into one number again.
  const newHigh = sum + rest;
  const d = newHigh - sum;
  const newLow = (sum - (newHigh - d)) + (rest - d);
  if (newLow !== 0) {
    parts[0] = newLow;
    parts[1] = newHigh;
  } else if (newHigh !== 0) {
    parts[0] = newHigh;
    parts.length = 1;
  } else {
    parts.length = 0;
  }
}

/** Shewchuk's Grow-Expansion with elimination of zeros, then Compress; both in place. */
function grow(parts: number[], x: number): void {
  let carry = x;
  let kept = 0;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] ?? 0;
    const sum = carry + part;
    const b = sum - carry;
    const error = (carry - (sum - b)) + (part - b);
    if (error !== 0) parts[kept++] = error;
    carry = sum;
  }
  if (carry !== 0) parts[kept++] = carry;
  parts.length = kept;
  if (kept > 1) compress(parts);
}

/**
 * Brings an expansion to the fewest numbers that its bits need, or nearly so: growing alone leaves
 * crumbs of a few bits each, which cost time, and space in every cell.
 */
function compress(parts: number[]): void {
  const last = parts.length - 1;
  let carry = parts[last] ?? 0;
  let bottom = last;
  for (let i = last - 1; i >= 0; i--) {
    const part = parts[i] ?? 0;
    const sum = carry + part;
    const error = part - (sum - carry);
    if (error !== 0) {
      parts[bottom--] = sum;
      carry = error;
    } else {
      carry = sum;
    }
  }
  let top = 0;
  for (let i = bottom + 1; i <= last; i++) {
    const part = parts[i] ?? 0;
    const sum = part + carry;
    const error = carry - (sum - part);
    if (error !== 0) parts[top++] = error;
    carry = sum;
  }
  parts[top] = carry;
  parts.length = top + 1;
}

/**
 * Adds an expansion to another, in place.
 *
 * @param from The expansion to add; not changed, unless it is the same array.
 */
export function mergeExpansions(into: number[], from: readonly number[]): void {
  const source = into === from ? from.slice() : from;
  for (const part of source) addToExpansion(into, part);
}

/**
 * Rounds an expansion to the nearest number, ties to even.
 *
 * @returns The correctly rounded sum; +0 if it is empty.
 */
export function roundExpansion(parts: readonly number[]): number {
  let i = parts.length - 1;
  if (i < 0) return 0;
  let high = parts[i] ?? 0;
  let low = 0;
  while (i > 0) {
    const before = high;
    const part = parts[--i] ?? 0;
    high = before + part;
    low = part - (high - before);
    if (low !== 0) break;
  }
  // `low` was rounded away. If it was exactly half a unit, ties to even decided, yet what follows
  // below it may lie on its side: then the other neighbour is nearer (as in CPython's fsum).
  if (low !== 0 && i > 0) {
    const next = parts[i - 1] ?? 0;
    if (low < 0 === next < 0) {
      const twice = low * 2;
      const other = high + twice;
      if (other - high === twice) high = other;
    }
  }
  return high;
}
