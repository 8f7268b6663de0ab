/**
 * The accounts of one query: what was read, failed, late and written, and what happens to a record
 * that fails (--on-error). Owns law 11 (read = processed + failed + dropped as late) and the
 * wording of a data error; dead letters go to the writer it is given.
 */
import { isUtf8 } from 'node:buffer';
import { DataError } from '../base/errors.js';
import { rowOffset } from '../columnar/batch.js';
import type { BatchHeader } from '../columnar/batch.js';
import { lineOf, partitionOfSplit, recordPlace, rowPartition } from '../columnar/record-place.js';
import type {
  LateRecords,
  OperatorCounters,
  RecordErrors,
  RecordFailure,
} from '../runtime/operator.js';

export type OnError = 'fail' | 'skip' | 'dead-letter';

/** Takes one dead letter as a JSON document; the sink's own failure is an error of the job. */
export interface DeadLetterWriter {
  write(letter: DeadLetter): void;
}
export interface DeadLetter {
  readonly code: string;
  readonly message: string;
  readonly source: {
    readonly name: string;
    readonly partition: number;
    readonly offset: number;
    readonly line?: number;
  };
  readonly timestampMs: number;
  /** The record as text. */
  readonly raw: string | null;
  /** The record's bytes in base64, where they are no UTF-8: `raw` shows what of it can be shown. */
  readonly rawBase64?: string;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export class QueryAccounts implements RecordErrors, LateRecords {
  rowsRead = 0;
  rowsFailed = 0;
  /** Result rows that belong to no one record (a window's sum that overflows) and failed. */
  resultsFailed = 0;
  readonly counters: OperatorCounters = { late: 0, lateDropped: 0, lateExpired: 0, rejected: 0 };
  private readonly onError: OnError;
  private readonly deadLetters: DeadLetterWriter | null;

  constructor(onError: OnError, deadLetters: DeadLetterWriter | null) {
    this.onError = onError;
    this.deadLetters = deadLetters;
  }

  get rowsProcessed(): number {
    const { lateDropped, lateExpired } = this.counters;
    return this.rowsRead - this.rowsFailed - lateDropped - lateExpired;
  }

  /** A result row of several records (`position` -1, or of a header of results) is none (law 11). */
  recordFailed(header: BatchHeader, position: number, failure: RecordFailure): void {
    const row = header.isResult ? -1 : position;
    if (row < 0) this.resultsFailed += 1;
    else this.rowsFailed += 1;
    if (this.onError === 'fail') {
      throw new DataError(failure.key, {
        message: failure.message,
        detail: recordPlace(header, row),
        hint: 'go on without such records with --on-error skip, or keep them with --on-error dead-letter',
      });
    }
    if (this.onError === 'dead-letter') {
      this.send(header, row, `VELO_${failure.key}`, failure.message);
    }
  }

  lateRecord(header: BatchHeader, row: number, eventTimeMs: number): void {
    if (this.deadLetters === null) return;
    const message = `event time ${eventTimeMs} is late for its window`;
    this.send(header, header.isResult ? -1 : row, 'VELO_LATE_RECORD', message);
  }

  private send(header: BatchHeader, row: number, code: string, message: string): void {
    const line = lineOf(header, row);
    const isRecord = row >= 0;
    this.deadLetters?.write({
      code,
      message,
      source: {
        name: header.sourceName,
        partition: isRecord ? rowPartition(header, row) : partitionOfSplit(header.split),
        offset: isRecord ? rowOffset(header, row) : -1,
        ...(line === null ? {} : { line }),
      },
      timestampMs: header.ingestTimeMs,
      ...rawFields(isRecord && header.rawRecord !== null ? header.rawRecord(row) : null),
    });
  }
}

function rawFields(bytes: Uint8Array | null): Pick<DeadLetter, 'raw' | 'rawBase64'> {
  if (bytes === null) return { raw: null };
  const raw = decoder.decode(bytes);
  if (isUtf8(bytes)) return { raw };
  return { raw, rawBase64: Buffer.from(bytes).toString('base64') };
}
