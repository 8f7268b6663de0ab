/**
 * What a broker gives instead of a partition's records, since when, and how long the partition is
 * left alone before it is asked again. Owns the pauses and the clock of one partition; which answers
 * are none is leader-fetch.ts, what follows from one that lasts fetch-reader.ts.
 *
 *   nothing   the log goes on behind the offset, and nothing of it comes
 *   short     the log ends before the stop that the broker itself has named
 *   absent    the answer says nothing of a partition that was asked for
 *   held      a quota of the broker is used up: it asks for a pause
 *   behind    batches that end before the offset that was asked for
 *   refused   an error that passes
 */
export type SilenceKind = 'nothing' | 'short' | 'absent' | 'held' | 'behind' | 'refused';

/** Doubled with each answer, up to the most, until records come. */
const PAUSE_MS = 25;
const PAUSE_MS_MAX = 1_000;

export class FetchSilence {
  private kind: SilenceKind | null = null;
  private sinceMs = 0;
  private pauseMs = PAUSE_MS;
  private saidAtMs = Number.NEGATIVE_INFINITY;

  /** An answer of this kind came; how long nothing else has come. */
  lastsMs(kind: SilenceKind, nowMs: number): number {
    if (this.kind !== kind) {
      this.kind = kind;
      this.sinceMs = nowMs;
      this.saidAtMs = Number.NEGATIVE_INFINITY;
    }
    return nowMs - this.sinceMs;
  }

  /** Whether it is time to say so, once it has lasted so long and then every so often. */
  isNews(nowMs: number, afterMs: number, everyMs: number): boolean {
    if (nowMs - this.sinceMs < afterMs || nowMs - this.saidAtMs < everyMs) return false;
    this.saidAtMs = nowMs;
    return true;
  }

  /** How long to leave the partition alone, whose broker did not take its time to answer. */
  nextPauseMs(): number {
    const { pauseMs } = this;
    this.pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX);
    return pauseMs;
  }

  /** The broker took its time. */
  leastPauseMs(): number {
    this.pauseMs = PAUSE_MS;
    return 0;
  }

  /** Nothing is missing. */
  ends(): void {
    this.kind = null;
  }
}
