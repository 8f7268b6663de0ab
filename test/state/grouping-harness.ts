/**
 * Random inputs for grouped state: a seeded stream of rows over all types, laid out in batches of
 * any size with any column kind that fits, and a collector of result rows as values. The expected
 * rows come from aggregate-oracle, over plain lists of rows.
 */
import { emptyHeader, newBatch, ROW_OPS } from '../../src/columnar/batch.js';
import type { Batch } from '../../src/columnar/batch.js';
import { columnValue } from '../../src/columnar/column.js';
import type { Column } from '../../src/columnar/column.js';
import { Dictionary } from '../../src/columnar/dictionary.js';
import {
  BIGINT,
  BOOLEAN,
  decimalType,
  DOUBLE,
  TIMESTAMP,
  VARCHAR,
} from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import type { AggregateCall } from '../../src/plan/pipeline/pipeline-plan.js';
import type { GroupedStateFactory } from '../../src/state/groups/grouped-state-factory.js';
import type { ResultRows } from '../../src/state/result-rows.js';

export type Row = readonly SqlValue[];

export class Random {
  private state: number;
  constructor(seed: number) {
    this.state = seed >>> 0;
  }
  /** In [0, 1): mulberry32. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

export const MONEY = decimalType(12, 2);
export const WIDE_DECIMAL = decimalType(30, 4);
export const NUMBERS: SqlType = { kind: 'array', element: BIGINT };

/** The columns of the random stream. */
export const COLUMNS: readonly SqlType[] = [
  VARCHAR,
  BIGINT,
  DOUBLE,
  BOOLEAN,
  TIMESTAMP,
  MONEY,
  WIDE_DECIMAL,
  VARCHAR,
  NUMBERS,
  DOUBLE,
];
export const [TEXT, INT, REAL, FLAG, TIME, DEC, WIDE, NAME, LIST, OTHER] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
] as const;

export function call(
  name: string,
  args: readonly number[],
  type: SqlType,
  extra: Partial<AggregateCall> = {},
): AggregateCall {
  return {
    function: name,
    args,
    argTypes: args.map((arg) => COLUMNS[arg] as SqlType),
    literals: [],
    filter: null,
    distinct: false,
    orderBy: [],
    type,
    ...extra,
  };
}

const TEXTS = ['', 'a', 'ab', 'b', 'é', 'z', '\u{1f600}', 'ﬀ', 'a longer text than the others'];
const WIDE_INTS = [
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  -(2n ** 53n),
  -(2n ** 62n),
  2n ** 62n,
];

/** A value of a column; `wild` adds integers beyond 2^53 and 2^64. */
function randomValue(type: SqlType, random: Random, wild: boolean): SqlValue {
  if (random.below(7) === 0) return null;
  switch (type.kind) {
    case 'varchar':
      return random.pick(TEXTS);
    case 'bigint':
      if (wild && random.below(3) === 0) return random.pick(WIDE_INTS);
      return BigInt(random.below(9) - 4);
    case 'decimal':
      if (type.precision > 18 && wild && random.below(3) === 0) {
        return random.pick([10n ** 29n - 1n, -(2n ** 70n), 2n ** 64n, 2n ** 63n, 5n]);
      }
      return BigInt(random.below(2000) - 1000);
    case 'boolean':
      return random.below(2) === 1;
    case 'timestamp':
      return 1.7e12 + random.below(5) * 1000;
    case 'array':
      return random.pick([[], [1n], [1n, null], [2n ** 60n]]);
    default:
      return random.pick([-0, 0, 1.5, -2.25, 0.1, 1e6, -3, 7, 1 / 3]);
  }
}

export function randomRows(count: number, random: Random, wild: boolean): Row[] {
  return Array.from({ length: count }, () =>
    COLUMNS.map((type) => randomValue(type, random, wild)),
  );
}

function isSafe(value: SqlValue): boolean {
  return typeof value !== 'bigint' || (value < 2n ** 53n && value > -(2n ** 53n));
}

/** Lays values out as a column of some kind that can hold them. */
export function columnOf(
  type: SqlType,
  values: readonly SqlValue[],
  random: Random,
  dictionary: Dictionary,
): Column {
  const count = values.length;
  const nulls = values.includes(null)
    ? Uint8Array.from(values, (value) => (value === null ? 1 : 0))
    : random.below(4) === 0
      ? new Uint8Array(count)
      : null;
  switch (type.kind) {
    case 'varchar':
      return random.below(2) === 0
        ? dictColumn(values, nulls, dictionary)
        : utf8Column(values, nulls);
    case 'bigint':
    case 'decimal': {
      const narrow = values.every(isSafe) && random.below(3) > 0;
      const within64 = values.every((v) => v === null || BigInt.asIntN(64, v as bigint) === v);
      if (narrow) {
        return { kind: 'f64', values: Float64Array.from(values, (v) => Number(v ?? 77n)), nulls };
      }
      if (within64 && (type.kind === 'bigint' || random.below(2) === 0)) {
        return {
          kind: 'i64',
          values: BigInt64Array.from(values, (v) => (v ?? 99n) as bigint),
          nulls,
        };
      }
      return {
        kind: 'i128',
        high: BigInt64Array.from(values, (v) => ((v ?? 0n) as bigint) >> 64n),
        low: BigUint64Array.from(values, (v) => BigInt.asUintN(64, (v ?? 0n) as bigint)),
        nulls,
      };
    }
    case 'boolean':
      return { kind: 'bool', values: Uint8Array.from(values, (v) => (v === true ? 1 : 0)), nulls };
    case 'array':
    case 'map':
    case 'row':
      return { kind: 'list', values: [...values], nulls };
    default:
      return { kind: 'f64', values: Float64Array.from(values, (v) => (v ?? 55) as number), nulls };
  }
}

function dictColumn(
  values: readonly SqlValue[],
  nulls: Uint8Array | null,
  dictionary: Dictionary,
): Column {
  const codes = Int32Array.from(values, (value) => dictionary.internText((value ?? '') as string));
  return { kind: 'dict', codes, dictionary, nulls };
}

function utf8Column(values: readonly SqlValue[], nulls: Uint8Array | null): Column {
  const texts = values.map((value) => Buffer.from((value ?? '') as string));
  const lengths = Int32Array.from(texts, (text) => text.length);
  const offsets = new Int32Array(values.length);
  let used = 3;
  texts.forEach((text, row) => {
    offsets[row] = used;
    used += text.length;
  });
  const bytes = new Uint8Array(used);
  texts.forEach((text, row) => {
    bytes.set(text, offsets[row]);
  });
  return { kind: 'utf8', bytes, offsets, lengths, nulls };
}

/** One input row and how it changes the input. */
export interface Change {
  readonly op: number;
  readonly row: Row;
}

/**
 * Batches of at most `size` rows; with `gaps`, rows that are not selected stand between them.
 */
export function batchesOf(
  changes: readonly Change[],
  size: number,
  random: Random,
  types: readonly SqlType[] = COLUMNS,
): Batch[] {
  const batches: Batch[] = [];
  let dictionary = new Dictionary();
  for (let from = 0; from < changes.length; from += size) {
    if (random.below(5) === 0) dictionary = new Dictionary();
    const part = changes.slice(from, from + size);
    const gaps = random.below(2) === 0;
    const physical = gaps ? part.flatMap((change) => [change, change]) : part;
    const columns = types.map((type, column) =>
      columnOf(
        type,
        physical.map((change) => change.row[column] as SqlValue),
        random,
        dictionary,
      ),
    );
    const batch = newBatch(columns, { ...emptyHeader('test'), firstOffset: from });
    batch.rowCount = physical.length;
    batch.selectedCount = part.length;
    if (gaps) batch.selection = Int32Array.from(part, (_, at) => 2 * at + 1);
    if (changes.some((change) => change.op !== 0)) {
      batch.ops = Uint8Array.from(physical, (change) => change.op);
    }
    batches.push(batch);
  }
  return batches;
}

export interface Collected {
  readonly op: string;
  readonly values: Row;
}
export interface Failure {
  readonly row: number;
  readonly message: string;
}

/** A factory whose result rows are collected as values. */
export class Collector {
  readonly rows: Collected[] = [];
  readonly failures: Failure[] = [];
  readonly batchSizes: number[] = [];
  readonly results: ResultRows;

  constructor(factory: GroupedStateFactory, ops = true) {
    const { spec } = factory;
    const types = spec.keys.map((key) => spec.inputTypes[key] as SqlType);
    if (spec.windowColumns) types.push(TIMESTAMP, TIMESTAMP);
    types.push(...spec.aggregates.map((aggregate) => aggregate.type));
    this.results = factory.results(
      { emit: (batch) => this.take(batch, types) },
      { recordFailed: (_, row, { message }) => this.failures.push({ row, message }) },
      { ops },
    );
  }

  drain(): Collected[] {
    this.results.flush();
    return this.rows.splice(0);
  }

  private take(batch: Batch, types: readonly SqlType[]): void {
    this.batchSizes.push(batch.selectedCount);
    for (let at = 0; at < batch.selectedCount; at += 1) {
      const row = batch.selection === null ? at : (batch.selection[at] as number);
      this.rows.push({
        op: ROW_OPS[batch.ops === null ? 0 : (batch.ops[row] as number)] as string,
        values: types.map((type, column) =>
          columnValue(batch.columns[column] as Column, type, row),
        ),
      });
    }
  }
}
