/**
 * Windows the slow and obvious way: one record at a time, every window of a record found by trying
 * all of them, all rows kept. The reference of the window operators' tests; shares no code with
 * them. A session takes a record while the record's own split allows it, and one that is absorbed
 * after it was shown is given once more, to be taken back. Rows are [key, window start, window end, COUNT(*), SUM(value), FIRST_VALUE(value)].
 */
import type { WindowAggregateNode } from '../../src/plan/pipeline/pipeline-plan.js';
import type { WindowSpec } from '../../src/plan/window-spec.js';

export interface StreamRecord {
  readonly split: number;
  readonly time: number;
  readonly key: string;
  readonly value: number;
}
export type OracleRow = readonly [string, number, number, bigint, bigint, bigint];

interface OracleWindow {
  start: number;
  end: number;
  /** Session windows belong to a key; others hold all. */
  readonly key: string | null;
  readonly order: number;
  groups: Map<string, number[]>;
  emitted: boolean;
}

export interface OracleOptions {
  readonly window: WindowSpec;
  readonly emission: WindowAggregateNode['emission'];
  readonly latenessMs: number;
  readonly boundMs: number;
  readonly splits: readonly number[];
  readonly flush: boolean;
}

export class WindowOracle {
  readonly rows: OracleRow[] = [];
  late = 0;
  rejected = 0;
  private readonly options: OracleOptions;
  private readonly highest = new Map<number, number>();
  private windows: OracleWindow[] = [];
  private created = 0;
  private watermark = -Infinity;

  constructor(options: OracleOptions) {
    this.options = options;
    for (const split of options.splits) this.highest.set(split, -Infinity);
  }

  run(records: readonly StreamRecord[]): this {
    for (const record of records) this.take(record);
    if (this.options.flush) this.advance(Infinity);
    return this;
  }

  private take(record: StreamRecord): void {
    const { boundMs } = this.options;
    const before = this.highest.get(record.split) as number;
    const watermark = before - boundMs;
    if (record.time < watermark) this.late += 1;
    if (this.options.window.kind === 'session') this.takeIntoSession(record, watermark);
    else this.takeIntoFixed(record, watermark, this.options.window);
    this.highest.set(record.split, Math.max(before, record.time));
    this.advance(Math.min(...this.highest.values()) - boundMs);
  }

  private takeIntoFixed(
    record: StreamRecord,
    watermark: number,
    spec: Exclude<WindowSpec, { kind: 'session' }>,
  ): void {
    const bounds = boundsOf(spec, record.time);
    const open = bounds.filter(([, end]) => watermark < end + this.options.latenessMs);
    if (bounds.length > 0 && open.length === 0) this.rejected += 1;
    for (const [start, end] of open) {
      let window = this.windows.find((each) => each.start === start && each.end === end);
      if (window === undefined) {
        window = { start, end, key: null, order: 0, groups: new Map(), emitted: false };
        this.windows.push(window);
      }
      this.addTo(window, record);
    }
  }

  private takeIntoSession(record: StreamRecord, watermark: number): void {
    const { window: spec, latenessMs } = this.options;
    const gap = spec.kind === 'session' ? spec.gapMs : 0;
    const { time, key } = record;
    if (watermark >= time + gap + latenessMs) {
      this.rejected += 1;
      return;
    }
    const touched = this.windows
      .filter((each) => each.key === key && time <= each.end && time >= each.start - gap)
      .filter((each) => watermark < each.end + latenessMs)
      .sort((a, b) => a.order - b.order);
    this.windows = this.windows.filter((each) => !touched.includes(each));
    for (const each of touched.slice(1)) {
      if (this.options.emission !== 'final' || each.emitted) this.emit(each, [key]);
    }
    const values = touched.flatMap((each) => each.groups.get(key) as number[]);
    const merged: OracleWindow = {
      start: Math.min(time, ...touched.map((each) => each.start)),
      end: Math.max(time + gap, ...touched.map((each) => each.end)),
      key,
      order: touched[0]?.order ?? this.created++,
      groups: new Map(touched.length > 0 ? [[key, values]] : []),
      emitted: false,
    };
    this.windows.push(merged);
    this.addTo(merged, record);
  }

  private addTo(window: OracleWindow, record: StreamRecord): void {
    const { groups } = window;
    groups.set(record.key, [...(groups.get(record.key) ?? []), record.value]);
    const isClosed = window.end <= this.watermark;
    if (this.options.emission === 'snapshot') this.emit(window, [...groups.keys()]);
    else if (this.options.emission === 'delta' || isClosed) this.emit(window, [record.key]);
    if (isClosed) window.emitted = true;
  }

  private advance(watermark: number): void {
    if (watermark <= this.watermark) return;
    this.watermark = watermark;
    const closing = this.windows
      .filter((each) => each.end <= watermark && !each.emitted)
      .sort((a, b) => a.end - b.end || a.start - b.start || a.order - b.order);
    for (const window of closing) {
      window.emitted = true;
      if (this.options.emission === 'final') this.emit(window, [...window.groups.keys()]);
    }
    this.windows = this.windows.filter((each) => watermark < each.end + this.options.latenessMs);
  }

  private emit(window: OracleWindow, keys: readonly string[]): void {
    for (const key of keys) {
      const values = window.groups.get(key) as number[];
      this.rows.push([
        key,
        window.start,
        window.end,
        BigInt(values.length),
        BigInt(values.reduce((sum, value) => sum + value, 0)),
        BigInt(values[0] as number),
      ]);
    }
  }
}

/** All windows [start, end) that hold a time, by trying every candidate, in order of end. */
function boundsOf(
  spec: Exclude<WindowSpec, { kind: 'session' }>,
  time: number,
): (readonly [number, number])[] {
  const advance = spec.kind === 'hopping' ? spec.advanceMs : spec.sizeMs;
  const bounds: (readonly [number, number])[] = [];
  const middle = Math.floor(time / advance);
  const reach = Math.ceil(spec.sizeMs / advance) + 1;
  for (let at = middle - reach; at <= middle + reach; at += 1) {
    const start = at * advance;
    const step = spec.kind === 'cumulate' ? spec.stepMs : spec.sizeMs;
    for (let end = start + step; ; end += step) {
      const last = Math.min(end, start + spec.sizeMs);
      if (time >= start && time < last) bounds.push([start, last]);
      if (last === start + spec.sizeMs) break;
    }
  }
  return bounds;
}
