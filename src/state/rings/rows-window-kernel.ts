/**
 * Generates the fused loop of ROWS WINDOW BUFFER for aggregates over the whole buffer: one pass
 * over the rows updates every ring, running sum and monotonic queue and writes every result.
 * Owns the layout of the ring lanes; partitions, expiry and output batches are the operator's. @hot
 *
 * Per slot: `arrived` rows so far, `phase` = arrived mod n. Per column: a ring of the last n values
 * (and of their NULL flags once any was NULL). A ring starts small: the kernel stops before a row
 * that its slot has no room for, and goes on when the store has given some (ring-store.ts).
 *
 * Sums never subtract what left. Rows fall into blocks of n; the buffer at phase f is the last
 * n − f − 1 rows of the previous block and the first f + 1 of the current one:
 *
 *     previous block            current block
 *     [ . . . f+1 … n-1 ]       [ 0 … f ] .
 *             suffix[f + 1]       prefix
 *
 * Suffix sums are rebuilt once a block, so a row costs two additions, in double-double (Knuth's
 * TwoSum). BIGINT sums are exact in two parts of 32 bits, where subtraction is exact.
 * Minimum and maximum are monotonic queues of (position, value).
 */
import { code, CodeWriter } from '../../base/js-code.js';
import type { Code } from '../../base/js-code.js';
import { compileFunction } from '../../codegen/compile.js';
import { BASE_LANE, ROOM_LANE } from './ring-store.js';
import type { RingStore } from './ring-store.js';

/** How the values of a column are kept: one double, or high and low 32-bit words. */
export type RingValue = 'double' | 'exact';

export interface RingColumn {
  /** Number in the kernel's `columns`. */
  readonly at: number;
  readonly value: RingValue;
  readonly sum: boolean;
  readonly min: boolean;
  readonly max: boolean;
}

export interface RingLanes {
  readonly arrived: number;
  readonly phase: number;
  readonly columns: readonly ColumnLanes[];
}
interface ColumnLanes {
  readonly ring: number;
  readonly ringLow: number;
  readonly nulls: number;
  readonly present: number;
  readonly sums: number;
  readonly suffixes: number;
  readonly min: QueueLanes;
  readonly max: QueueLanes;
}
interface QueueLanes {
  readonly ends: number;
  readonly positions: number;
  readonly values: number;
  readonly lows: number;
}

/** Results of one batch, by row: what the operator makes columns from. */
export interface RingOutputs {
  readonly sum: Float64Array;
  readonly sumLow: Float64Array;
  readonly min: Float64Array;
  readonly minLow: Float64Array;
  readonly max: Float64Array;
  readonly maxLow: Float64Array;
  /** Values that are not NULL in the buffer. */
  readonly present: Float64Array;
}

/** Arrays of one column in a batch; `words` holds high and low of exact columns. */
export interface RingInput {
  readonly values: Float64Array;
  readonly lows: Float64Array;
  readonly nulls: Uint8Array | null;
}

export type RowsWindowKernel = (
  lanes: readonly unknown[],
  inputs: readonly RingInput[],
  outputs: readonly RingOutputs[],
  slots: Int32Array,
  rows: Int32Array | null,
  from: number,
  count: number,
  filled: Float64Array,
) => number;

export function ringCapacity(bufferRows: number): number {
  let capacity = 2;
  while (capacity < bufferRows + 1) capacity *= 2;
  return capacity;
}

export function addRingLanes(store: RingStore, columns: readonly RingColumn[]): RingLanes {
  const rowLane = (used: boolean, cells = 1): number => store.addRowLane('f64', used ? cells : 0);
  const queue = (used: boolean, exact: boolean): QueueLanes => ({
    ends: store.addLane('i32', 2),
    positions: store.addRowLane('i32', used ? 1 : 0),
    values: rowLane(used),
    lows: rowLane(used && exact),
  });
  return {
    arrived: store.addLane('f64', 1),
    phase: store.addLane('i32', 1),
    columns: columns.map(({ value, sum, min, max }) => ({
      ring: rowLane(true),
      ringLow: rowLane(value === 'exact'),
      nulls: store.addRowLane('u8', 1),
      present: store.addLane('i32', 1),
      sums: store.addLane('f64', 2),
      // Entries 0 … n, and n is below the largest room.
      suffixes: rowLane(sum && value === 'double', 2),
      min: queue(min, value === 'exact'),
      max: queue(max, value === 'exact'),
    })),
  };
}

/** What holds for all rows that a kernel gets. */
export interface KernelCase {
  /** NULLs may occur. */
  readonly masked: boolean;
  /** Every slot has all the room there is: its size is a constant, and nothing stops the loop. */
  readonly roomy: boolean;
}

/**
 * The loop over rows `from` … `count` - 1, which returns where it stopped: row k is physical row
 * rows[k] (k without `rows`), its partition slots[k]; results go to the row's place in `outputs`,
 * the rows now in its buffer to `filled`.
 */
export function compileRowsWindow(
  bufferRows: number,
  columns: readonly RingColumn[],
  lanes: RingLanes,
  { masked, roomy }: KernelCase,
): RowsWindowKernel {
  const writer = new CodeWriter();
  const n = bufferRows;
  const most = ringCapacity(bufferRows);
  writer.open(code`return function rowsWindow(A, I, O, slots, rows, from, count, filled)`);
  writer.line(code`const bases = A[${BASE_LANE}], rooms = A[${ROOM_LANE}];`);
  writer.line(code`const arrived = A[${lanes.arrived}], phases = A[${lanes.phase}];`);
  columns.forEach((column, at) => hoist(writer, column, lanes.columns[at]!, at));
  writer.open(code`for (let k = from; k < count; k++)`);
  writer.line(code`const r = rows === null ? k : rows[k], s = slots[k];`);
  writer.line(code`const p = arrived[s], room = ${roomy ? code`${most}` : code`rooms[s]`};`);
  if (!roomy) writer.line(code`if (p >= room && room !== ${most}) return k;`);
  writer.line(code`const pi = p | 0, ph = phases[s], b = bases[s], mask = room - 1;`);
  writer.line(
    code`const full = p >= ${n}, gone = b + ((pi - ${n}) & mask), here = b + (pi & mask);`,
  );
  columns.forEach((column, at) => columnStep(writer, column, at, { n, masked }));
  writer.line(code`arrived[s] = p + 1;`);
  writer.line(code`phases[s] = ph + 1 === ${n} ? 0 : ph + 1;`);
  writer.line(code`filled[r] = full ? ${n} : p + 1;`);
  writer.close();
  writer.line(code`return count;`);
  writer.close();
  const parameters = ['rebuild'];
  const kernel = compileFunction('rows-window', parameters, writer.toString(), [rebuildSuffixes]);
  return kernel as RowsWindowKernel;
}

function hoist(writer: CodeWriter, column: RingColumn, lanes: ColumnLanes, at: number): void {
  writer.line(
    code`const v${at} = I[${column.at}].values, w${at} = I[${column.at}].lows, u${at} = I[${column.at}].nulls;`,
  );
  writer.line(
    code`const ring${at} = A[${lanes.ring}], low${at} = A[${lanes.ringLow}], nul${at} = A[${lanes.nulls}];`,
  );
  writer.line(
    code`const pres${at} = A[${lanes.present}], sums${at} = A[${lanes.sums}], suf${at} = A[${lanes.suffixes}];`,
  );
  writer.line(
    code`const oPres${at} = O[${at}].present, oSum${at} = O[${at}].sum, oSumL${at} = O[${at}].sumLow;`,
  );
  if (column.min)
    hoistQueue(writer, lanes.min, code`mn${at}`, code`O[${at}].min`, code`O[${at}].minLow`);
  if (column.max)
    hoistQueue(writer, lanes.max, code`mx${at}`, code`O[${at}].max`, code`O[${at}].maxLow`);
}

function hoistQueue(
  writer: CodeWriter,
  lanes: QueueLanes,
  name: Code,
  out: Code,
  outLow: Code,
): void {
  writer.line(
    code`const ${name}E = A[${lanes.ends}], ${name}P = A[${lanes.positions}], ${name}V = A[${lanes.values}], ${name}W = A[${lanes.lows}];`,
  );
  writer.line(code`const ${name}O = ${out}, ${name}OL = ${outLow};`);
}

interface StepOptions {
  readonly n: number;
  readonly masked: boolean;
}

function columnStep(
  writer: CodeWriter,
  column: RingColumn,
  at: number,
  options: StepOptions,
): void {
  const { masked } = options;
  const exact = column.value === 'exact';
  writer.open(code``);
  if (masked) {
    writer.line(code`const isNull = u${at} !== null && u${at}[r] === 1;`);
    writer.line(code`const v = isNull ? 0 : v${at}[r];`);
    if (exact) writer.line(code`const w = isNull ? 0 : w${at}[r];`);
    writer.line(
      code`const here0 = (p === 0 ? 0 : pres${at}[s]) + (isNull ? 0 : 1) - (full && nul${at}[gone] === 0 ? 1 : 0);`,
    );
    writer.line(code`pres${at}[s] = here0; oPres${at}[r] = here0;`);
  } else {
    writer.line(code`const v = v${at}[r];`);
    if (exact) writer.line(code`const w = w${at}[r];`);
  }
  if (column.sum) {
    if (exact) exactSum(writer, at);
    else doubleSum(writer, at, options);
  }
  writer.line(code`ring${at}[here] = v;`);
  if (exact) writer.line(code`low${at}[here] = w;`);
  if (masked) writer.line(code`nul${at}[here] = isNull ? 1 : 0;`);
  if (column.min) queueStep(writer, code`mn${at}`, { ...options, exact, keepsEqualOut: code`>` });
  if (column.max) queueStep(writer, code`mx${at}`, { ...options, exact, keepsEqualOut: code`<` });
  writer.close();
}

function exactSum(writer: CodeWriter, at: number): void {
  writer.line(
    code`const sh = (p === 0 ? 0 : sums${at}[2 * s]) + v - (full ? ring${at}[gone] : 0);`,
  );
  writer.line(
    code`const sl = (p === 0 ? 0 : sums${at}[2 * s + 1]) + w - (full ? low${at}[gone] : 0);`,
  );
  writer.line(code`sums${at}[2 * s] = sh; sums${at}[2 * s + 1] = sl;`);
  writer.line(code`oSum${at}[r] = sh; oSumL${at}[r] = sl;`);
}

function doubleSum(writer: CodeWriter, at: number, { n }: StepOptions): void {
  writer.line(code`let hi = 0, lo = 0;`);
  writer.open(code`if (ph === 0)`);
  writer.line(code`if (p > 0) rebuild(ring${at}, b, mask, pi, suf${at}, 2 * b, ${n});`);
  writer.between(code`else`);
  writer.line(code`hi = sums${at}[2 * s]; lo = sums${at}[2 * s + 1];`);
  writer.close();
  writer.line(code`const h1 = hi + v, b1 = h1 - hi;`);
  writer.line(code`lo += (hi - (h1 - b1)) + (v - b1);`);
  writer.line(code`sums${at}[2 * s] = h1; sums${at}[2 * s + 1] = lo;`);
  writer.open(code`if (full)`);
  writer.line(code`const f = 2 * (b + ph + 1), sh = suf${at}[f];`);
  writer.line(code`const h2 = h1 + sh, b2 = h2 - h1;`);
  writer.line(code`oSum${at}[r] = h2 + (lo + suf${at}[f + 1] + ((h1 - (h2 - b2)) + (sh - b2)));`);
  writer.between(code`else`);
  writer.line(code`oSum${at}[r] = h1 + lo;`);
  writer.close();
}

interface QueueOptions extends StepOptions {
  readonly exact: boolean;
  /** Comparison by which an older value is worse than the new one: `>` for minimum. */
  readonly keepsEqualOut: Code;
}

function queueStep(writer: CodeWriter, q: Code, options: QueueOptions): void {
  const { n, masked, exact, keepsEqualOut: worse } = options;
  writer.open(code``);
  writer.line(code`let h = p === 0 ? 0 : ${q}E[2 * s], t = p === 0 ? 0 : ${q}E[2 * s + 1];`);
  writer.line(code`if (h !== t && ((pi - ${q}P[b + (h & mask)]) | 0) >= ${n}) h = (h + 1) | 0;`);
  if (masked) writer.open(code`if (!isNull)`);
  writer.open(code`while (h !== t)`);
  writer.line(code`const e = b + ((t - 1) & mask), x = ${q}V[e];`);
  if (exact)
    writer.line(
      code`if (!(x ${worse} v || (x === v && (${q}W[e] ${worse} w || ${q}W[e] === w)))) break;`,
    );
  else writer.line(code`if (!(x ${worse} v || x === v)) break;`);
  writer.line(code`t = (t - 1) | 0;`);
  writer.close();
  writer.line(code`const e = b + (t & mask);`);
  writer.line(code`${q}P[e] = pi; ${q}V[e] = v; t = (t + 1) | 0;`);
  if (exact) writer.line(code`${q}W[e] = w;`);
  if (masked) writer.close();
  writer.line(code`${q}E[2 * s] = h; ${q}E[2 * s + 1] = t;`);
  writer.line(code`const first = b + (h & mask);`);
  writer.line(code`${q}O[r] = ${q}V[first];`);
  if (exact) writer.line(code`${q}OL[r] = ${q}W[first];`);
  writer.close();
}

/**
 * Suffix sums of the block that just ended, as (high, low) pairs: entry j sums positions
 * j … n − 1 of the block; entry n is 0. Called once per n rows of a slot.
 */
function rebuildSuffixes(
  ring: Float64Array,
  base: number,
  mask: number,
  position: number,
  suffixes: Float64Array,
  at: number,
  n: number,
): void {
  let high = 0;
  let low = 0;
  suffixes[at + 2 * n] = 0;
  suffixes[at + 2 * n + 1] = 0;
  for (let j = n - 1; j >= 1; j -= 1) {
    const value = ring[base + ((position - n + j) & mask)]!;
    const sum = high + value;
    const back = sum - high;
    low += high - (sum - back) + (value - back);
    high = sum;
    suffixes[at + 2 * j] = high;
    suffixes[at + 2 * j + 1] = low;
  }
}
