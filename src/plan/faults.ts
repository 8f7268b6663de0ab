/**
 * Faults of a SQL text while it is bound: collected, never thrown out of the planner. Owns the
 * collector and the way binding gives up on a part (a poison that says "already reported") and
 * goes on with the next. Wording belongs to the callers; rendering to cli/terminal/terminal.
 */
import type { ErrorKey } from '../base/error-codes.js';
import { SqlError } from '../base/errors.js';
import type { SourceText } from '../base/errors.js';
import type { Span } from '../base/span.js';
import { closest } from '../sql/suggest.js';

export interface FaultFields {
  readonly message: string;
  /** undefined: not in the text at all, but on the command line. */
  readonly span: Span | undefined;
  readonly hint?: string | undefined;
  readonly detail?: string | undefined;
}

/** Ends the binding of one part whose fault is already in the collector. */
export class Poisoned extends Error {
  override readonly name = 'Poisoned';
}

/** A fault that is found where no collector is at hand: whoever catches it reports it. */
export class Refused extends Poisoned {
  readonly key: ErrorKey;
  readonly fields: FaultFields;
  constructor(key: ErrorKey, fields: FaultFields) {
    super(fields.message);
    this.key = key;
    this.fields = fields;
  }
}

export class FaultCollector {
  readonly faults: SqlError[] = [];
  readonly source: SourceText;

  constructor(source: SourceText) {
    this.source = source;
  }

  report(key: ErrorKey, fields: FaultFields): void {
    const { message, span } = fields;
    const known = this.faults.some(
      (fault) =>
        fault.key === key &&
        fault.message === message &&
        fault.span?.start === span?.start &&
        fault.span?.end === span?.end,
    );
    const source = span === undefined ? undefined : this.source;
    if (!known) this.faults.push(new SqlError(key, { ...fields, source }));
  }

  /** Reports and gives up on the part at hand. */
  fail(key: ErrorKey, fields: FaultFields): never {
    this.report(key, fields);
    throw new Poisoned();
  }

  /** Gives up on the part at hand, whose fault is reported. */
  poison(): never {
    throw new Poisoned();
  }

  /** The result of `work`, or null when it was poisoned. */
  attempt<T>(work: () => T): T | null {
    try {
      return work();
    } catch (error) {
      this.caught(error);
      return null;
    }
  }

  /** Goes on only behind what is poisoned. */
  private caught(error: unknown): void {
    if (!(error instanceof Poisoned)) throw error;
    if (error instanceof Refused) this.report(error.key, error.fields);
  }

  /** Every result, after every item had its chance to report; poisoned if any was. */
  all<Item, T>(items: readonly Item[], work: (item: Item, at: number) => T): T[] {
    const results: T[] = [];
    let poisoned = false;
    items.forEach((item, at) => {
      try {
        results.push(work(item, at));
      } catch (error) {
        this.caught(error);
        poisoned = true;
      }
    });
    if (poisoned) throw new Poisoned();
    return results;
  }

  /** The text that a span covers, blanks and line breaks joined to single spaces. */
  textAt(span: Span): string {
    return this.source.text.slice(span.start, span.end).replace(/\s+/g, ' ').trim();
  }
}

/** A hint that names the candidate nearest to a misspelled name, or undefined. */
export function didYouMean(name: string, candidates: Iterable<string>): string | undefined {
  const nearest = closest(name, candidates);
  return nearest === undefined ? undefined : `did you mean "${nearest}"?`;
}
