/**
 * Where a group's numbers live: the plan of one record of cells (doubles) per group, made once per
 * operator from its keys and aggregates. Owns which aggregate uses which cells, which of them share
 * a lane, and which need an object (state/values/group-object) instead. Plain data: the kernels are
 * generated from it, merge, snapshot and compaction walk it.
 *
 *   record := key cells…, rows, [born], lane counts…, item cells…
 *
 * A lane is a condition under which rows count: FILTER, arguments that are not NULL, DISTINCT. What
 * a lane counts is mostly `rows - skipped`, so that columns without NULLs cost nothing.
 */
import { assert } from '../../base/assert.js';
import { NULL_TYPE } from '../../columnar/types.js';
import type { SqlType } from '../../columnar/types.js';
import { keepsNulls } from '../../functions/aggregate-functions.js';
import type { AggregateCall } from '../../plan/pipeline/pipeline-plan.js';
import { MOMENT_SUMS, PAIR_SUMS, SUM_CELLS, WIDE_SUM_CELLS } from '../sums/moments.js';

export interface LayoutSpec {
  readonly inputTypes: readonly SqlType[];
  readonly keys: readonly number[];
  readonly aggregates: readonly AggregateCall[];
  readonly windowColumns: boolean;
  readonly inputRetracts: boolean;
}

export interface Lane {
  /** BOOLEAN input column that must be true, or null. */
  readonly filter: number | null;
  /** Input columns of which none may be NULL. */
  readonly args: readonly number[];
  /** Number of the value table that lets each value count once, or null. */
  readonly table: number | null;
  /** The restore that its calls count from (AggregateCall); null: they count all rows. */
  readonly since: number | null;
  /** rows: every row counts. skipped: rows - cell. counted: cell. */
  readonly counting: 'rows' | 'skipped' | 'counted';
  /** Cell of skipped or counted; -1 for rows. */
  readonly cell: number;
}

interface ItemBase {
  /** Index of the aggregate in the spec. */
  readonly index: number;
  readonly call: AggregateCall;
  /** Index of its lane. */
  readonly lane: number;
  /** First input column; -1 for COUNT(*). */
  readonly column: number;
  readonly columnType: SqlType;
  /** First cell; -1 without cells. */
  readonly at: number;
}

export type AggregateItem = ItemBase &
  (
    | { readonly kind: 'count' }
    /** BIGINT and DECIMAL: two cells, three if `wide` (state/sums/exact-sums). */
    | { readonly kind: 'sum-exact'; readonly average: boolean; readonly wide: boolean }
    | { readonly kind: 'sum-double'; readonly average: boolean }
    /** MIN, MAX: one value cell. */
    | { readonly kind: 'extreme'; readonly greatest: boolean }
    /** Least and greatest: two value cells. */
    | { readonly kind: 'delta' }
    /** FIRST_VALUE, LAST_VALUE by arrival: one value cell. */
    | { readonly kind: 'pick'; readonly last: boolean }
    /** `size` cells per sum (state/sums/moments). */
    | { readonly kind: 'moments'; readonly size: number }
    | {
        readonly kind: 'pairs';
        readonly other: number;
        readonly otherType: SqlType;
        readonly size: number;
      }
    /** Number `object` of the state's group objects. */
    | { readonly kind: 'object'; readonly object: number }
  );

export interface AggregateLayout {
  readonly spec: LayoutSpec;
  readonly rowsCell: number;
  /** Without keys and with retractions: 1 once the group has a row out; else -1. */
  readonly bornCell: number;
  readonly lanes: readonly Lane[];
  readonly items: readonly AggregateItem[];
  /** Column of each value table. */
  readonly tables: readonly { readonly column: number; readonly type: SqlType }[];
  readonly objectCount: number;
  /** Cells per group. */
  readonly stride: number;
  /** A new group's record, keys aside. */
  readonly template: Float64Array;
  /** Input columns whose kinds the kernels depend on, ascending. */
  readonly columns: readonly number[];
  /** Result column of the first aggregate. */
  readonly firstResult: number;
}

const WIDE_PRECISION = 18;

export function planLayout(spec: LayoutSpec): AggregateLayout {
  return new LayoutPlanner(spec).plan();
}

class LayoutPlanner {
  private readonly spec: LayoutSpec;
  private readonly initial: number[] = [];
  private readonly lanes: Lane[] = [];
  private readonly laneNames = new Map<string, number>();
  private readonly tables: { column: number; type: SqlType }[] = [];
  private objectCount = 0;

  constructor(spec: LayoutSpec) {
    this.spec = spec;
  }

  plan(): AggregateLayout {
    const { spec, initial } = this;
    initial.push(...zeros(spec.keys.length));
    const rowsCell = this.cells(0);
    const bornCell = spec.keys.length === 0 && spec.inputRetracts ? this.cells(0) : -1;
    const items = spec.aggregates.map((call, index) => this.item(call, index));
    return {
      spec,
      rowsCell,
      bornCell,
      lanes: this.lanes,
      items,
      tables: this.tables,
      objectCount: this.objectCount,
      stride: initial.length,
      template: Float64Array.from(initial),
      columns: usedColumns(spec),
      firstResult: spec.keys.length + (spec.windowColumns ? 2 : 0),
    };
  }

  /** Appends cells with their initial values; the first one's number. */
  private cells(...values: readonly number[]): number {
    this.initial.push(...values);
    return this.initial.length - values.length;
  }

  private item(call: AggregateCall, index: number): AggregateItem {
    const column = call.args[0] ?? call.orderBy[0]?.column ?? -1;
    const columnType = this.spec.inputTypes[column] ?? NULL_TYPE;
    const lane = this.lane(call, column, columnType);
    const base = { index, call, lane, column, columnType, at: -1 };
    if (this.needsObject(call)) {
      this.objectCount += 1;
      return { ...base, kind: 'object', object: this.objectCount - 1 };
    }
    switch (call.function) {
      case 'COUNT':
      case 'COUNT_DISTINCT':
      case 'APPROX_COUNT_DISTINCT':
        return { ...base, kind: 'count' };
      case 'SUM':
      case 'AVG':
        return this.sum(base, call.function === 'AVG');
      case 'MIN':
        return {
          ...base,
          at: this.cells(...bounds(columnType, false)),
          kind: 'extreme',
          greatest: false,
        };
      case 'MAX':
        return {
          ...base,
          at: this.cells(...bounds(columnType, true)),
          kind: 'extreme',
          greatest: true,
        };
      case 'DELTA':
        return {
          ...base,
          at: this.cells(...bounds(columnType, false), ...bounds(columnType, true)),
          kind: 'delta',
        };
      case 'FIRST_VALUE':
      case 'LAST_VALUE':
        return {
          ...base,
          at: this.cells(Number.POSITIVE_INFINITY),
          kind: 'pick',
          last: call.function === 'LAST_VALUE',
        };
      default:
        return this.statistic(base);
    }
  }

  private sum(base: ItemBase, average: boolean): AggregateItem {
    const { columnType } = base;
    if (columnType.kind === 'double') {
      return { ...base, at: this.cells(0, 0), kind: 'sum-double', average };
    }
    const wide = isWide(columnType);
    const at = wide ? this.cells(0, 0, 0) : this.cells(0, 0);
    return { ...base, at, kind: 'sum-exact', average, wide };
  }

  private statistic(base: ItemBase): AggregateItem {
    const { call } = base;
    if (/^(VAR|STDDEV)_(SAMP|POP)$/.test(call.function)) {
      const size = isWide(base.columnType) ? WIDE_SUM_CELLS : SUM_CELLS;
      return { ...base, at: this.cells(...zeros(MOMENT_SUMS * size)), kind: 'moments', size };
    }
    const other = call.args[1];
    assert(
      /^(CORR|COVAR_|REGR_)/.test(call.function) && other !== undefined,
      `${call.function} is an aggregate that state knows`,
    );
    const otherType = this.spec.inputTypes[other] ?? NULL_TYPE;
    const size = isWide(base.columnType) || isWide(otherType) ? WIDE_SUM_CELLS : SUM_CELLS;
    const at = this.cells(...zeros(PAIR_SUMS * size));
    return { ...base, at, kind: 'pairs', other, otherType, size };
  }

  private needsObject(call: AggregateCall): boolean {
    switch (call.function) {
      case 'LISTAGG':
      case 'COLLECT':
      case 'ARRAY_AGG':
      case 'MEDIAN':
      case 'PERCENTILE_CONT':
      case 'PERCENTILE_DISC':
        return true;
      case 'FIRST_VALUE':
      case 'LAST_VALUE':
        return this.spec.inputRetracts || call.orderBy.length > 0;
      case 'MIN':
      case 'MAX':
      case 'DELTA':
        return this.spec.inputRetracts;
      case 'APPROX_COUNT_DISTINCT':
        return !this.spec.inputRetracts;
      default:
        return false;
    }
  }

  private lane(call: AggregateCall, column: number, type: SqlType): number {
    const columns = column < 0 ? [] : [...new Set([column, ...call.args])].sort((a, b) => a - b);
    const args = keepsNulls(call.function) ? [] : columns;
    const distinct = this.isDistinct(call) && column >= 0;
    assert(!distinct || columns.length === 1, `${call.function}(DISTINCT …) takes one column`);
    const { since = null } = call;
    const form = distinct ? `distinct ${column}` : '';
    const name = `${call.filter ?? '-'} ${args.join()} ${form} ${since ?? ''}`;
    const known = this.laneNames.get(name);
    if (known !== undefined) return known;
    const every = call.filter === null && args.length === 0 && !distinct && since === null;
    if (distinct) this.tables.push({ column, type });
    this.lanes.push({
      filter: call.filter,
      args,
      table: distinct ? this.tables.length - 1 : null,
      since,
      counting: every ? 'rows' : distinct ? 'counted' : 'skipped',
      cell: every ? -1 : this.cells(0),
    });
    this.laneNames.set(name, this.lanes.length - 1);
    return this.lanes.length - 1;
  }

  /** Aggregates that a repeated value does not change need no table for DISTINCT. */
  private isDistinct(call: AggregateCall): boolean {
    switch (call.function) {
      case 'COUNT_DISTINCT':
        return true;
      case 'APPROX_COUNT_DISTINCT':
        return this.spec.inputRetracts;
      case 'MIN':
      case 'MAX':
      case 'DELTA':
      case 'FIRST_VALUE':
        return false;
      case 'LAST_VALUE':
        return false;
      default:
        return call.distinct;
    }
  }
}

/** Cells that an item has from `at` on. */
export function cellsOfItem(item: AggregateItem): number {
  switch (item.kind) {
    case 'count':
    case 'object':
      return 0;
    case 'sum-double':
    case 'delta':
      return 2;
    case 'sum-exact':
      return item.wide ? 3 : 2;
    case 'extreme':
    case 'pick':
      return 1;
    case 'moments':
      return MOMENT_SUMS * item.size;
    case 'pairs':
      return PAIR_SUMS * item.size;
  }
}

/** Whether values may need more than 64 bits. */
function isWide(type: SqlType): boolean {
  return type.kind === 'decimal' && type.precision > WIDE_PRECISION;
}

/** The value cell of nothing: beyond every number; NULL for ids. */
function bounds(type: SqlType, greatest: boolean): number[] {
  const isId = type.kind === 'varchar';
  return [greatest && !isId ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY];
}

function zeros(count: number): number[] {
  return new Array<number>(count).fill(0);
}

function usedColumns(spec: LayoutSpec): number[] {
  const columns = new Set(spec.keys);
  for (const call of spec.aggregates) {
    for (const arg of call.args) columns.add(arg);
    for (const key of call.orderBy) columns.add(key.column);
    if (call.filter !== null) columns.add(call.filter);
  }
  return [...columns].sort((a, b) => a - b);
}
