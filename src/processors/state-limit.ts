/**
 * How large the state of a job may become: looked at once a second, in what the metrics say, so
 * that a line tells when it comes close, and its end is an error that names the query, with the last
 * checkpoint intact. Owns the words; state is counted where it is kept.
 */
import type { Clock } from '../base/clock.js';
import { VeloError } from '../base/errors.js';
import type { QueryMetrics } from './job-processor.js';

/** Of all queries together; null: any. */
export interface StateLimits {
  readonly rows: number | null;
  readonly bytes: number | null;
}

const LOOK_EVERY_NS = 1e9;
/** Shares of a limit at which a line tells of it, once each until there is less than QUIET of it. */
const TOLD_AT = [0.8, 0.95];
const QUIET = 0.7;

export class StateLimit {
  private readonly limits: StateLimits;
  private readonly clock: Clock;
  private readonly notice: (line: string) => void;
  private nextNs: number;
  /** Of the limit that is closest, when it was last looked; null: there is none. */
  share: number | null = null;
  private toldAt = 0;

  constructor(limits: StateLimits | null, clock: Clock, notice: (line: string) => void) {
    this.notice = notice;
    this.limits = limits ?? { rows: null, bytes: null };
    this.clock = clock;
    const isAny = this.limits.rows === null && this.limits.bytes === null;
    this.nextNs = isAny ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }

  /** Throws STATE_LIMIT. */
  check(queries: () => readonly QueryMetrics[]): void {
    if (this.nextNs === Number.POSITIVE_INFINITY) return;
    const nowNs = this.clock.monotonicNs();
    if (nowNs < this.nextNs) return;
    this.nextNs = nowNs + LOOK_EVERY_NS;
    const found = queries();
    const { rows, bytes } = this.limits;
    const sum = (pick: (query: QueryMetrics) => number): number =>
      found.reduce((total, query) => total + pick(query), 0);
    const hasRows = sum((query) => query.stateRows);
    if (rows !== null && hasRows > rows) {
      throw tooLarge(found, `${count(hasRows)} rows`, `${count(rows)}: state.max_rows`);
    }
    const hasBytes = sum((query) => query.stateBytes);
    if (bytes !== null && hasBytes > bytes) {
      throw tooLarge(found, `${count(hasBytes)} bytes`, `${count(bytes)}: state.max_bytes`);
    }
    const ofRows = rows === null ? 0 : hasRows / rows;
    const ofBytes = bytes === null ? 0 : hasBytes / bytes;
    this.share = Math.max(ofRows, ofBytes);
    if (ofRows >= ofBytes) this.tell(ofRows, `${count(hasRows)} rows of state.max_rows`, rows);
    else this.tell(ofBytes, `${count(hasBytes)} bytes of state.max_bytes`, bytes);
  }

  private tell(share: number, has: string, limit: number | null): void {
    if (share < QUIET) this.toldAt = 0;
    const at = TOLD_AT.findLast((threshold) => share >= threshold) ?? 0;
    if (at <= this.toldAt) return;
    this.toldAt = at;
    const percent = Math.floor(share * 100);
    this.notice(`state is at ${percent} % of its limit: ${has} = ${count(limit ?? 0)}`);
  }
}

function tooLarge(queries: readonly QueryMetrics[], has: string, may: string): VeloError {
  const largest = queries.reduce((most, query) =>
    query.stateBytes > most.stateBytes ? query : most,
  );
  return new VeloError('STATE_LIMIT', {
    message: `the state of the job has ${has} and may have ${may}`,
    detail: `${largest.query} has most of it: ${count(largest.stateRows)} rows, ${count(largest.stateBytes)} bytes`,
    hint: 'keep less (a window, fewer keys, fewer values per key), or raise the limit; the last checkpoint is as it was',
  });
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
