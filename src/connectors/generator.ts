/**
 * The generator source: counts `i` from 0; everything else of a fixture is computed columns.
 * 'rows' bounds it, 'rows-per-second' paces it (intended times from the first block on, so a slow
 * job catches up instead of stretching the schedule), 'splits' cuts i into contiguous ranges, each
 * a source partition. @hot
 */
import { ConfigError } from '../base/errors.js';
import type { Batch } from '../columnar/batch.js';
import { BATCH_ROWS_MAX, emptyHeader, newBatch } from '../columnar/batch.js';
import type { F64Column } from '../columnar/column.js';
import type { NextBatch, Source, SourceRequest, SplitReader } from './source.js';
import { SystemColumns } from './system-columns.js';

const encoder = new TextEncoder();

interface GeneratorOptions {
  /** null: unbounded. */
  readonly rows: number | null;
  /** null: as fast as possible. */
  readonly rowsPerSecond: number | null;
  readonly splits: number;
}

export function openGenerator(request: SourceRequest): Source {
  const options = generatorOptions(request);
  const splits: GeneratorSplit[] = [];
  const rows = options.rows ?? Number.MAX_SAFE_INTEGER;
  for (let split = 0; split < options.splits; split += 1) {
    const from = Math.floor((rows / options.splits) * split);
    const to =
      split + 1 === options.splits ? rows : Math.floor((rows / options.splits) * (split + 1));
    splits.push(new GeneratorSplit(request, options, { split, from, to }));
  }
  return {
    bounded: options.rows !== null,
    splits,
    rowsTotal: options.rows,
    commit: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

function generatorOptions(request: SourceRequest): GeneratorOptions {
  const { options } = request.table;
  for (const key of Object.keys(options)) {
    if (key !== 'rows' && key !== 'rows-per-second' && key !== 'splits') {
      throw new ConfigError('SETTING_INVALID', {
        message: `unknown option "${key}" of connector "generator" in table "${request.table.name}"`,
        hint: "the generator takes 'rows', 'rows-per-second' and 'splits'",
      });
    }
  }
  return {
    rows: wholeOption(request, 'rows', 0),
    rowsPerSecond: wholeOption(request, 'rows-per-second', 1),
    splits: wholeOption(request, 'splits', 1) ?? 1,
  };
}

function wholeOption(request: SourceRequest, key: string, least: number): number | null {
  const text = request.table.options[key];
  if (text === undefined) return null;
  const value = Number(text.replaceAll('_', ''));
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least) return value;
  throw new ConfigError('SETTING_INVALID', {
    message: `option "${key}" of table "${request.table.name}" is no whole number of at least ${least}: "${text}"`,
    hint: `write '${key}' = '5000'`,
  });
}

interface SplitRange {
  readonly split: number;
  readonly from: number;
  readonly to: number;
}

class GeneratorSplit implements SplitReader {
  readonly split: number;
  private readonly request: SourceRequest;
  private readonly paceNsPerRow: number | null;
  private readonly system: SystemColumns;
  private readonly counter: F64Column;
  private readonly batch: Batch;
  private readonly from: number;
  private readonly to: number;
  private at: number;
  private startNs = Number.NaN;
  private startAt: number;

  constructor(request: SourceRequest, options: GeneratorOptions, range: SplitRange) {
    this.split = range.split;
    this.request = request;
    this.from = range.from;
    this.to = range.to;
    this.at = range.from;
    this.startAt = range.from;
    this.paceNsPerRow =
      options.rowsPerSecond === null ? null : (1e9 * options.splits) / options.rowsPerSecond;
    this.system = new SystemColumns(request.system);
    this.counter = { kind: 'f64', values: new Float64Array(BATCH_ROWS_MAX), nulls: null };
    const header = emptyHeader(request.table.name);
    header.split = range.split;
    header.rawRecord = (row) => encoder.encode(`{"i":${header.firstOffset + this.from + row}}`);
    this.batch = newBatch([], header);
  }

  next(): NextBatch {
    if (this.at >= this.to) return 'end';
    const rowCount = Math.min(this.request.batchRowsMax, this.to - this.at, this.allowance());
    if (rowCount <= 0) return 'wait';
    const { batch } = this;
    const { header } = batch;
    header.firstOffset = this.at - this.from;
    header.ingestTimeMs = this.request.clock.nowMs();
    batch.rowCount = rowCount;
    batch.selection = null;
    batch.selectedCount = rowCount;
    batch.failed = null;
    batch.rowWatermarks = null;
    batch.columns.length = 0;
    if (this.request.physical.length > 0) {
      fillCounter(this.counter.values, this.at, rowCount);
      for (let column = 0; column < this.request.physical.length; column += 1) {
        batch.columns.push(this.counter);
      }
    }
    this.system.appendTo(batch.columns, header, rowCount);
    this.at += rowCount;
    header.sequence += 1;
    return batch;
  }

  /** Rows that the schedule has released and nobody has taken; Infinity without a rate. */
  private allowance(): number {
    if (this.paceNsPerRow === null) return Number.POSITIVE_INFINITY;
    const nowNs = this.request.clock.monotonicNs();
    if (Number.isNaN(this.startNs)) this.startNs = nowNs;
    const released = Math.floor((nowNs - this.startNs) / this.paceNsPerRow) + 1;
    return this.startAt + released - this.at;
  }

  ready(): Promise<void> {
    if (this.paceNsPerRow === null) return Promise.resolve();
    const dueNs = this.startNs + (this.at - this.startAt) * this.paceNsPerRow;
    const waitMs = Math.max(0, (dueNs - this.request.clock.monotonicNs()) / 1e6);
    return new Promise((resolve) => setTimeout(resolve, waitMs));
  }

  position(): string {
    return String(this.at);
  }

  seek(position: string): void {
    this.at = Number(position);
    this.startAt = this.at;
  }

  rowsRead(): number {
    return this.at - this.startAt;
  }
}

function fillCounter(values: Float64Array, first: number, rowCount: number): void {
  for (let row = 0; row < rowCount; row += 1) values[row] = first + row;
}
