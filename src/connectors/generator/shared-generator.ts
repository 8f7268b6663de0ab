/**
 * The generator's splits: ranges of the numbers `i`, taken block by block from a lane that several
 * workers may share; everything else of a fixture is computed columns. 'rows' bounds the table,
 * 'splits' cuts `i` into contiguous ranges, each a source partition. Owns the options and the pace;
 * one reader alone (generator.ts) has a lane of its own. @hot
 *
 * With 'rows-per-second' a row is due at a time that is fixed once the first block was claimed: a
 * slow job catches up instead of stretching the schedule. All workers read the same clock.
 */
import type { Batch } from '../../columnar/batch.js';
import { BATCH_ROWS_MAX, emptyHeader, newBatch } from '../../columnar/batch.js';
import type { F64Column } from '../../columnar/column.js';
import type { SharedSource, SharedSplit, SplitExtent } from '../shared-split.js';
import { generatorOptions } from './generator-options.js';
import type { GeneratorOptions } from './generator-options.js';
import type { DueTimes, SourceRequest } from '../source.js';
import { SystemColumns } from '../system-columns.js';

const encoder = new TextEncoder();

/** The lane: rows claimed so far, counted from the range's start. */
const NEXT = 0;
/** Blocks claimed so far. */
const BLOCKS = 1;
/** 1 once the schedule has begun, with row START_AT at START_NS of the clock. */
const STARTED = 2;
const START_AT = 3;
const START_NS = 4;

/** Throws ConfigError SETTING_INVALID for bad options. */
export function openSharedGenerator(request: SourceRequest): SharedSource {
  const options = readOptions(request);
  const splits: SharedGeneratorSplit[] = [];
  const rows = options.rows ?? Number.MAX_SAFE_INTEGER;
  for (let split = 0; split < options.splits; split += 1) {
    const from = Math.floor((rows / options.splits) * split);
    const to =
      split + 1 === options.splits ? rows : Math.floor((rows / options.splits) * (split + 1));
    splits.push(new SharedGeneratorSplit(request, options, { split, from, to }));
  }
  return {
    bounded: options.rows !== null,
    splits,
    close: () => undefined,
  };
}

interface SplitRange {
  readonly split: number;
  readonly from: number;
  readonly to: number;
}

class SharedGeneratorSplit implements SharedSplit {
  readonly split: number;
  readonly sourceName: string;
  readonly extent: SplitExtent | null;
  private readonly request: SourceRequest;
  private readonly paceNsPerRow: number | null;
  private readonly system: SystemColumns;
  private readonly counter: F64Column;
  private readonly batch: Batch;
  private readonly from: number;
  private readonly rowsMax: number;
  private rows = 0;
  private due: DueTimes | null = null;
  /** Of the row that the last claim had to wait for. */
  private nextDueNs = 0;

  constructor(request: SourceRequest, options: GeneratorOptions, range: SplitRange) {
    this.split = range.split;
    this.sourceName = request.table.name;
    this.request = request;
    this.from = range.from;
    this.rowsMax = range.to - range.from;
    this.extent = options.rows === null ? null : { start: 0, end: this.rowsMax };
    this.paceNsPerRow =
      options.rowsPerSecond === null ? null : (1e9 * options.splits) / options.rowsPerSecond;
    this.system = new SystemColumns(request.system);
    this.counter = { kind: 'f64', values: new Float64Array(BATCH_ROWS_MAX), nulls: null };
    const header = emptyHeader(request.table.name);
    header.split = range.split;
    header.rawRecord = (row) => encoder.encode(`{"i":${this.from + header.firstOffset + row}}`);
    this.batch = newBatch([], header);
  }

  claim(cells: Float64Array): 'block' | 'wait' | 'end' {
    const first = cells[NEXT]!;
    if (first >= this.rowsMax) return 'end';
    const released = this.released(cells);
    const rowCount = Math.min(this.request.batchRowsMax, this.rowsMax - first, released - first);
    if (rowCount <= 0) {
      this.nextDueNs = this.dueAt(cells, first);
      return 'wait';
    }
    const { batch } = this;
    batch.rowCount = rowCount;
    batch.header.firstOffset = first;
    batch.header.sequence = cells[BLOCKS]!;
    this.due = this.dueTimes(cells, first, rowCount);
    this.rows += rowCount;
    cells[NEXT] = first + rowCount;
    cells[BLOCKS]! += 1;
    return 'block';
  }

  dueInMs(): number {
    return Math.max(0, (this.nextDueNs - this.request.clock.monotonicNs()) / 1e6);
  }

  read(): Batch {
    const { batch } = this;
    const { header, rowCount } = batch;
    header.ingestTimeMs = this.request.clock.nowMs();
    batch.selection = null;
    batch.selectedCount = rowCount;
    batch.failed = null;
    batch.rowWatermarks = null;
    batch.columns.length = 0;
    if (this.request.physical.length > 0) {
      fillCounter(this.counter.values, this.from + header.firstOffset, rowCount);
      for (let column = 0; column < this.request.physical.length; column += 1) {
        batch.columns.push(this.counter);
      }
    }
    this.system.appendTo(batch.columns, header, rowCount);
    return batch;
  }

  rowsRead(): number {
    return this.rows;
  }

  dueNs(): DueTimes | null {
    return this.due;
  }

  position(cells: Float64Array): string {
    return String(this.from + cells[NEXT]!);
  }

  seek(cells: Float64Array, position: string): void {
    cells[NEXT] = Number(position) - this.from;
    cells[STARTED] = 0;
  }

  /** Rows from the range's start that the schedule has released; Infinity without a rate. */
  private released(cells: Float64Array): number {
    if (this.paceNsPerRow === null) return Number.POSITIVE_INFINITY;
    const nowNs = this.request.clock.monotonicNs();
    if (cells[STARTED] === 0) {
      cells[STARTED] = 1;
      cells[START_AT] = cells[NEXT]!;
      cells[START_NS] = nowNs;
    }
    const since = Math.floor((nowNs - cells[START_NS]!) / this.paceNsPerRow);
    return cells[START_AT]! + since + 1;
  }

  private dueTimes(cells: Float64Array, first: number, rowCount: number): DueTimes | null {
    if (this.paceNsPerRow === null) return null;
    return { first: this.dueAt(cells, first), last: this.dueAt(cells, first + rowCount - 1) };
  }

  private dueAt(cells: Float64Array, row: number): number {
    return cells[START_NS]! + (row - cells[START_AT]!) * (this.paceNsPerRow ?? 0);
  }
}

function fillCounter(values: Float64Array, first: number, rowCount: number): void {
  for (let row = 0; row < rowCount; row += 1) values[row] = first + row;
}

function readOptions({ table, rate }: SourceRequest): GeneratorOptions {
  const options = generatorOptions(table);
  return rate === undefined ? options : { ...options, rowsPerSecond: rate };
}
