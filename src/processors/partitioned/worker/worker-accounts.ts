/**
 * The accounts of one query in one worker where main can see them: eight doubles that the worker
 * writes after each piece of work and main adds up. Owns their order. @hot
 */
import type { OperatorCounters } from '../../../runtime/operator.js';
import type { QueryAccounts } from '../../query-accounts.js';

export interface AccountTotals {
  rowsRead: number;
  rowsFailed: number;
  resultsFailed: number;
  late: number;
  lateDropped: number;
  lateExpired: number;
  rowsOut: number;
  rejected: number;
}

const NUMBERS = 8;

export function accountBytes(workers: number): number {
  return workers * NUMBERS * Float64Array.BYTES_PER_ELEMENT;
}

export class WorkerAccounts {
  private readonly cells: Float64Array;

  constructor(buffer: SharedArrayBuffer, worker: number) {
    this.cells = new Float64Array(buffer, worker * NUMBERS * 8, NUMBERS);
  }

  write(accounts: QueryAccounts, counters: readonly OperatorCounters[], rowsOut: number): void {
    const { cells } = this;
    let { late, lateDropped, lateExpired, rejected } = accounts.counters;
    for (let at = 0; at < counters.length; at += 1) {
      late += counters[at]!.late;
      lateDropped += counters[at]!.lateDropped;
      lateExpired += counters[at]!.lateExpired;
      rejected += counters[at]!.rejected;
    }
    cells[0] = accounts.rowsRead;
    cells[1] = accounts.rowsFailed;
    cells[2] = accounts.resultsFailed;
    cells[3] = late;
    cells[4] = lateDropped;
    cells[5] = lateExpired;
    cells[6] = rowsOut;
    cells[7] = rejected;
  }
}

/** What all workers have counted so far. */
export function sumAccounts(buffer: SharedArrayBuffer, workers: number): AccountTotals {
  const cells = new Float64Array(buffer);
  const sum = (number: number): number => {
    let total = 0;
    for (let worker = 0; worker < workers; worker += 1) total += cells[worker * NUMBERS + number]!;
    return total;
  };
  return {
    rowsRead: sum(0),
    rowsFailed: sum(1),
    resultsFailed: sum(2),
    late: sum(3),
    lateDropped: sum(4),
    lateExpired: sum(5),
    rowsOut: sum(6),
    rejected: sum(7),
  };
}
