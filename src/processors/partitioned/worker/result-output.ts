/**
 * Where a worker's result rows go: into a digest of its own, or as streams to main, of batches or,
 * where the sink is text, of the finished bytes. Owns the choice; the digest is
 * connectors/blackhole/blackhole, streams are stream.ts.
 */
import type { Batch } from '../../../columnar/batch.js';
import { BlackholeSink } from '../../../connectors/blackhole/blackhole.js';
import type { DigestSummary } from '../../../connectors/blackhole/row-digest.js';
import { ByteBuffer } from '../../../formats/columns/byte-buffer.js';
import { createRowEncoder } from '../../../formats/encoder-choice.js';
import type { RowEncoder, RowEncoding } from '../../../formats/encoder.js';
import { WorkerCounter } from '../../../metrics/partition-metrics.js';
import type { QueryPlan } from '../../../plan/pipeline/pipeline-plan.js';
import type { Schema } from '../../../plan/schema.js';
import { halves, selectedRows } from '../exchange/stream.js';
import type { StreamPlace, StreamSender } from '../exchange/stream.js';
import { BatchWriter } from '../wire/wire.js';
import type { QueryTime } from './worker-time.js';

export interface ResultOutput {
  /** Rows of a part of a turn, from one stream (partition, or worker of a stateless query). */
  rows(seq: number, part: number, stream: number, batch: Batch): void;
  /** In a long turn: all rows that follow come at this place or behind it. */
  progress(seq: number, place: StreamPlace): void;
  /** This worker has no more rows of the turn, which a barrier of that number ends; 0: none does. */
  turnDone(seq: number, barrier: number): void;
  rowsOut(): number;
  /** Share of the way to main that is in use, 0 … 1. */
  utilisation(): number;
  digest(): DigestSummary | null;
}

/** Counts the time that rows take on their way out. */
export class TimedOutput implements ResultOutput {
  private readonly output: ResultOutput;
  private readonly time: QueryTime;

  constructor(output: ResultOutput, time: QueryTime) {
    this.output = output;
    this.time = time;
  }

  rows(seq: number, part: number, stream: number, batch: Batch): void {
    const before = this.time.enter(WorkerCounter.outputUs);
    this.output.rows(seq, part, stream, batch);
    this.time.back(before);
  }

  progress(seq: number, place: StreamPlace): void {
    const before = this.time.enter(WorkerCounter.outputUs);
    this.output.progress(seq, place);
    this.time.back(before);
  }

  turnDone(seq: number, barrier: number): void {
    const before = this.time.enter(WorkerCounter.outputUs);
    this.output.turnDone(seq, barrier);
    this.time.back(before);
  }

  rowsOut(): number {
    return this.output.rowsOut();
  }

  utilisation(): number {
    return this.output.utilisation();
  }

  digest(): DigestSummary | null {
    return this.output.digest();
  }
}

export class DigestOutput implements ResultOutput {
  private readonly sink: BlackholeSink;

  constructor({ sink, changelog }: QueryPlan) {
    const notice = (): void => undefined;
    this.sink = new BlackholeSink({ ...sink, changelog, notice });
  }

  rows(_seq: number, _part: number, _stream: number, batch: Batch): void {
    this.sink.write(batch);
  }

  progress(): void {
    // Nor does it wait for any.
  }

  turnDone(): void {
    // A digest depends on no order.
  }

  rowsOut(): number {
    return this.sink.rowsWritten();
  }

  utilisation(): number {
    return 0;
  }

  digest(): DigestSummary {
    return this.sink.summary();
  }
}

export class StreamOutput implements ResultOutput {
  private readonly sender: StreamSender;
  private readonly writers: readonly BatchWriter[];
  private readonly marks: boolean;
  private readonly direct: boolean;

  /** `marks`: whether this worker is one that main waits for at the end of each turn. */
  constructor(
    sender: StreamSender,
    options: {
      readonly plan: QueryPlan;
      readonly streams: number;
      readonly marks: boolean;
      readonly direct: boolean;
    },
  ) {
    this.sender = sender;
    this.marks = options.marks;
    this.direct = options.direct;
    const types = options.plan.sink.schema.map((column) => column.type);
    this.writers = Array.from(
      { length: options.streams },
      () => new BatchWriter({ types, withRaw: false }),
    );
  }

  rows(seq: number, part: number, stream: number, batch: Batch): void {
    this.sender.rows(seq, part, stream, this.writers[stream] as BatchWriter, batch);
  }

  progress(seq: number, place: StreamPlace): void {
    if (!this.direct) this.sender.progress(seq, place);
  }

  turnDone(seq: number, barrier: number): void {
    if (this.marks) this.sender.marker(seq, barrier === 0 ? [] : [barrier]);
  }

  /** Main counts what its sink wrote. */
  rowsOut(): number {
    return 0;
  }

  utilisation(): number {
    return this.sender.utilisation();
  }

  digest(): null {
    return null;
  }
}

/** Rows as the text that the sink writes. Main only puts it in order. */
export class EncodedOutput implements ResultOutput {
  private readonly sender: StreamSender;
  private readonly encoder: RowEncoder;
  private readonly marks: boolean;
  private readonly direct: boolean;
  private readonly text = new ByteBuffer();
  private ends = new Int32Array(4096);

  /** `direct`: a turn's rows come from one stream, so nothing is merged. */
  constructor(
    sender: StreamSender,
    { format, options }: RowEncoding,
    parts: { readonly schema: Schema; readonly marks: boolean; readonly direct: boolean },
  ) {
    this.sender = sender;
    this.encoder = createRowEncoder(format, parts.schema, options);
    this.marks = parts.marks;
    this.direct = parts.direct;
  }

  rows(seq: number, part: number, stream: number, batch: Batch): void {
    const { text, direct } = this;
    const { selectedCount, origins } = batch;
    if (this.ends.length < selectedCount) this.ends = new Int32Array(selectedCount);
    text.clear();
    const written = this.encoder.encode(batch, text, direct ? null : this.ends);
    if (written === 0) return;
    const keys = direct || origins === null ? null : originsOf(batch, origins);
    const ends = direct ? null : this.ends.subarray(0, selectedCount);
    const place = { seq, part, stream };
    if (this.sender.encoded(place, { text: text.view(), rows: written, ends, origins: keys })) {
      return;
    }
    for (const half of halves(batch)) this.rows(seq, part, stream, half);
  }

  progress(seq: number, place: StreamPlace): void {
    if (!this.direct) this.sender.progress(seq, place);
  }

  turnDone(seq: number, barrier: number): void {
    if (this.marks) this.sender.marker(seq, barrier === 0 ? [] : [barrier]);
  }

  /** Main counts what its sink wrote. */
  rowsOut(): number {
    return 0;
  }

  utilisation(): number {
    return this.sender.utilisation();
  }

  digest(): null {
    return null;
  }
}

function originsOf(batch: Batch, origins: Int32Array): Int32Array {
  return batch.selection === null
    ? origins.subarray(0, batch.selectedCount)
    : selectedRows(batch).map((row) => origins[row] as number);
}
