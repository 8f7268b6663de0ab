/**
 * Which records of a query's sources are done with on V1: all rows that were made of them have left
 * the sink. Owns the rule for a query that ends before its input does, because of its LIMIT or
 * because nobody reads its rows any more: where each row is of one record, what was written tells;
 * where it is not, nothing more is done with. Who commits positions is the source.
 */
import type { Sink } from '../connectors/sink.js';
import type { SplitReader } from '../connectors/source.js';
import type { Batch } from '../columnar/batch.js';
import { rowOffset } from '../columnar/batch.js';

/** Everything before the position has left once so many rows have. */
interface Mark {
  readonly reader: SplitReader;
  readonly rows: number;
  readonly position: string;
}

export class WrittenProgress {
  private readonly sink: Sink;
  /** Each row is of one record. */
  private readonly rowwise: boolean;
  private marks: Mark[] = [];
  /** Offset of the record that the last row in the sink was made of. */
  private lastOffset = -1;

  constructor(sink: Sink, rowwise: boolean) {
    this.sink = sink;
    this.rowwise = rowwise;
  }

  /** The batch went into the sink. */
  wrote({ header, selection, selectedCount }: Batch): void {
    if (!this.rowwise || selectedCount === 0) return;
    const row = selection === null ? selectedCount - 1 : (selection[selectedCount - 1] as number);
    this.lastOffset = rowOffset(header, row);
  }

  /** A block was pushed through; `limited`: only as far as the query's LIMIT needed it. */
  pushed(reader: SplitReader, limited: boolean): void {
    if (reader.finished === undefined || (limited && !this.rowwise)) return;
    const position = limited ? String(this.lastOffset + 1) : reader.position();
    const { sink } = this;
    // Where all rows have to leave anyway, the last block of a split is all that counts.
    if (sink.rowsDelivered === undefined || !this.rowwise) {
      this.marks = this.marks.filter((mark) => mark.reader !== reader);
    }
    this.marks.push({ reader, rows: sink.rowsWritten(), position });
    if (this.rowwise && sink.rowsDelivered !== undefined) this.finishThrough(sink.rowsDelivered());
  }

  /** The sink was flushed. `limited`: the query has not read its input to the end. */
  flushed(limited: boolean): void {
    const { sink } = this;
    const rows = sink.rowsWritten();
    const delivered = sink.rowsDelivered?.() ?? rows;
    if (this.rowwise) this.finishThrough(delivered);
    else if (!limited && delivered === rows) this.finishThrough(rows);
  }

  private finishThrough(rows: number): void {
    let done = 0;
    for (const mark of this.marks) {
      if (mark.rows > rows) break;
      mark.reader.finished?.(mark.position);
      done += 1;
    }
    if (done > 0) this.marks = this.marks.slice(done);
  }
}
