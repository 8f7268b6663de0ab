/**
 * Times among the values of a column, for who asks for them ('times'): which texts are times without
 * losing anything, and which whole numbers are milliseconds since 1970. Owns these judgements; what a
 * column is otherwise is infer-json.ts's and csv/csv-types.ts's. Why nobody gets them unasked:
 * docs/decisions/0030-times-are-asked-for.md.
 */
import { DATE, TIMESTAMP } from '../columnar/types.js';
import type { SqlType } from '../columnar/types.js';
import { parseTimestamp } from '../functions/time/time-format.js';

/** A day, or a day and a time of it; days of one digit are as often months. */
const TIME_TEXT =
  /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(?::\d\d(?:\.(\d{1,9}))?)?(?:Z|[+-]\d\d:?\d\d)?)?$/;
/** ts, event_time, updated_at, order_date …; createdAt, eventTime … */
const TIME_NAME = /(?:^|_)(?:ts|time|timestamp|date|datetime|at)$/i;
const TIME_NAME_IN_HUMPS = /[a-z](?:Ts|Time|Timestamp|Date|At)$/;

/** From 1975 to 2100: the numbers of no two units meet. */
const SECONDS_MIN = 157_766_400;
const SECONDS_MAX = 4_102_444_800;
const UNITS = [
  ['seconds', 1],
  ['milliseconds', 1_000],
  ['microseconds', 1_000_000],
  ['nanoseconds', 1_000_000_000],
] as const;

/** What was seen of one column. */
export class TimesSeen {
  private texts = 0;
  private withTime = 0;
  private others = 0;
  private numbers = 0;
  private least = Number.POSITIVE_INFINITY;
  private most = Number.NEGATIVE_INFINITY;

  addText(text: string): void {
    const found = TIME_TEXT.exec(text);
    const isExact = found !== null && /^\d{0,3}0*$/.test(found[2] ?? '');
    if (!isExact || parseTimestamp(text) === undefined) this.others += 1;
    else if (found[1] !== undefined) this.withTime += 1;
    this.texts += 1;
  }

  addNumber(text: string): void {
    const value = Number(text);
    this.numbers += 1;
    if (value < this.least) this.least = value;
    if (value > this.most) this.most = value;
  }

  /** The type of a column that is `type` otherwise. */
  typeOf(name: string, type: SqlType): SqlType {
    if (type.kind === 'bigint') return this.unitOf(name) === 'milliseconds' ? TIMESTAMP : type;
    const areTimes = this.texts > 0 && this.others + this.numbers === 0;
    if (type.kind !== 'varchar' || !areTimes) return type;
    return this.withTime > 0 ? TIMESTAMP : DATE;
  }

  /** What to say of numbers that are times of another unit; null: they are not. */
  remarkOf(name: string, type: SqlType): string | null {
    if (type.kind !== 'bigint') return null;
    const unit = this.unitOf(name);
    if (unit === null || unit === 'milliseconds') return null;
    return `"${name}" is BIGINT and looks like ${unit} since 1970: a TIMESTAMP counts milliseconds`;
  }

  private unitOf(name: string): (typeof UNITS)[number][0] | null {
    if (!TIME_NAME.test(name) && !TIME_NAME_IN_HUMPS.test(name)) return null;
    const unit = UNITS.find(
      ([, perSecond]) =>
        this.least >= SECONDS_MIN * perSecond && this.most <= SECONDS_MAX * perSecond,
    );
    return unit?.[0] ?? null;
  }
}
