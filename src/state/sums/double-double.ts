/**
 * Double-double arithmetic: a value as the unevaluated sum of two doubles, about 106 bits. Owns
 * the error-free transformations that DOUBLE aggregates are made of (SUM, AVG, variance,
 * regression), so that any order of the rows gives the same result to 1e-12. @hot
 *
 * TwoSum is Knuth's, the splitting product Dekker's and Veltkamp's (T. J. Dekker, "A floating-point
 * technique for extending the available precision", 1971); summing with a running error term is
 * Sum2 of Ogita, Rump and Oishi, "Accurate sum and dot product", 2005. Welford's update was
 * rejected: it cannot take a row back out, and its result depends on the order.
 */

const SPLITTER = 134217729;

/** Adds a double to the pair at cells[at], cells[at + 1]. */
export function addDouble(cells: Float64Array, at: number, value: number): void {
  const a = cells[at]!;
  const sum = a + value;
  const part = sum - a;
  cells[at] = sum;
  cells[at + 1]! += a - (sum - part) + (value - part);
}

/** The error of the product x × y = fl(x × y) + error. */
export function productError(x: number, y: number, product: number): number {
  const xBig = SPLITTER * x;
  const xHigh = xBig - (xBig - x);
  const xLow = x - xHigh;
  const yBig = SPLITTER * y;
  const yHigh = yBig - (yBig - y);
  const yLow = y - yHigh;
  return xLow * yLow - (product - xHigh * yHigh - xLow * yHigh - xHigh * yLow);
}

/**
 * Adds a double to three cells, about 159 bits: what is added and taken back again leaves nothing
 * behind that a square root could make visible.
 */
export function addToTriple(cells: Float64Array, at: number, value: number): void {
  const a = cells[at]!;
  const sum = a + value;
  const part = sum - a;
  const error = a - (sum - part) + (value - part);
  const b = cells[at + 1]!;
  const low = b + error;
  const lowPart = low - b;
  cells[at] = sum;
  cells[at + 1] = low;
  cells[at + 2]! += b - (low - lowPart) + (error - lowPart);
}

/** Adds sign × x × y to three cells. */
export function addProduct(
  cells: Float64Array,
  at: number,
  x: number,
  y: number,
  sign: number,
): void {
  const product = x * y;
  addToTriple(cells, at, sign * product);
  addToTriple(cells, at, sign * productError(x, y, product));
}

/** Adds one pair to another. */
export function addPair(
  cells: Float64Array,
  at: number,
  other: Float64Array,
  otherAt: number,
): void {
  addDouble(cells, at, other[otherAt]!);
  cells[at + 1]! += other[otherAt + 1]!;
}

/** A value of two doubles for the few operations of a result; small and short-lived. */
export class DoubleDouble {
  readonly high: number;
  readonly low: number;

  constructor(high: number, low: number) {
    const sum = high + low;
    this.high = sum;
    this.low = low - (sum - high);
  }

  /** The value of three cells or more, the first ones the largest. */
  static ofCells(cells: Float64Array, at: number, size: number): DoubleDouble {
    const a = cells[at]!;
    const b = cells[at + 1]!;
    const sum = a + b;
    const part = sum - a;
    let rest = 0;
    for (let cell = at + size - 1; cell > at + 1; cell -= 1) rest += cells[cell]!;
    return new DoubleDouble(sum, a - (sum - part) + (b - part) + rest);
  }

  minus(other: DoubleDouble): DoubleDouble {
    const sum = this.high - other.high;
    const part = sum - this.high;
    const error = this.high - (sum - part) + (-other.high - part);
    return new DoubleDouble(sum, error + this.low - other.low);
  }

  times(other: DoubleDouble): DoubleDouble {
    const product = this.high * other.high;
    const error = productError(this.high, other.high, product);
    return new DoubleDouble(product, error + this.high * other.low + this.low * other.high);
  }

  dividedBy(other: DoubleDouble): DoubleDouble {
    const first = this.high / other.high;
    const rest = this.minus(other.times(new DoubleDouble(first, 0)));
    return new DoubleDouble(first, rest.high / other.high);
  }

  /** The nearest double. */
  value(): number {
    return this.high + this.low;
  }
}
