/**
 * How far a job is, in one line: rows, share of the input, rate and what is left to wait for. Owns
 * the wording and the reckoning of the time left; the numbers are the job's account.
 */
import type { JobMetrics } from '../../processors/job-processor.js';
import { countText, rateText } from './terminal.js';

/** A share and a rate of less time than this foretell nothing. */
const SECONDS_MIN = 0.5;

type Progress = Pick<
  JobMetrics,
  'rowsRead' | 'rowsOut' | 'rowsFailed' | 'seconds' | 'share' | 'lag'
>;

export function progressText(metrics: Progress): string {
  const { rowsRead, rowsOut, rowsFailed, seconds, share } = metrics;
  const parts = [
    `${countText(rowsRead)} in${shareText(share)}`,
    `${countText(rowsOut)} out`,
    ...(rowsFailed === 0 ? [] : [`${countText(rowsFailed)} failed`]),
    ...(seconds > 0 ? [`${rateText(rowsRead / seconds)} rec/s`] : []),
    ...timeLeft(metrics),
    ...lagText(metrics),
  ];
  return parts.join(' · ');
}

/** ` (42 %)`: what was read so far of an input that ends. 100 is said when it is true. */
export function shareText(share: number | null): string {
  return share === null ? '' : ` (${Math.floor(100 * share)} %)`;
}

/** `12 s left`, if reading goes on as it did so far. */
export function timeLeft({ share, seconds }: Pick<Progress, 'share' | 'seconds'>): string[] {
  if (share === null || share <= 0 || share >= 1 || seconds < SECONDS_MIN) return [];
  return [`${waitText((seconds * (1 - share)) / share)} left`];
}

/** `lag 1,234`: what is there of an input without end, and was not read. */
function lagText({ share, lag }: Progress): string[] {
  return share !== null || lag === null || lag === undefined ? [] : [`lag ${countText(lag)}`];
}

/** Seconds as a person says them. */
export function waitText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
