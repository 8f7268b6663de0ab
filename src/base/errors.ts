/**
 * Operating errors: what a user, a record or the outside world got wrong. Owns the error classes
 * and their fields; the table of codes is error-codes.ts and the rendering is cli/terminal/terminal.
 * A code is derived from the table's key, never typed twice, and never matched by message text.
 */
import { ERROR_CODES } from './error-codes.js';
import type { ErrorKey } from './error-codes.js';
import type { Span } from './span.js';

export type ErrorDomain = 'user' | 'data' | 'external' | 'internal';
export type Retry = 'never' | 'backoff';

/** Text that a span points into: a SQL file, an option value. */
export interface SourceText {
  readonly name: string;
  readonly text: string;
}

export interface ErrorFields {
  /** Primary message: lower case, no full stop, quotes names, says the kind of thing. */
  readonly message: string;
  readonly span?: Span | undefined;
  readonly source?: SourceText | undefined;
  /** Further facts, one sentence. */
  readonly detail?: string | undefined;
  /** What to do: an action. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

export class VeloError extends Error {
  override readonly name: string = 'VeloError';
  readonly key: ErrorKey;
  readonly code: string;
  readonly domain: ErrorDomain;
  readonly retry: Retry;
  readonly span: Span | undefined;
  source: SourceText | undefined;
  readonly detail: string | undefined;
  readonly hint: string | undefined;

  constructor(key: ErrorKey, fields: ErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    const entry = ERROR_CODES[key];
    this.key = key;
    this.code = `VELO_${key}`;
    this.domain = entry.domain;
    this.retry = entry.retry;
    this.span = fields.span;
    this.source = fields.source;
    this.detail = fields.detail;
    this.hint = fields.hint;
  }
}

/** A fault of the SQL text, found before the job starts. Exit 2. */
export class SqlError extends VeloError {
  override readonly name = 'SqlError';
}
/** A bad flag, setting or configuration file. Exit 2. */
export class ConfigError extends VeloError {
  override readonly name = 'ConfigError';
}
/** A fault of one record. Follows --on-error. Exit 1 when it ends the job. */
export class DataError extends VeloError {
  override readonly name = 'DataError';
}
/** A source or sink that fails. Exit 1. */
export class ConnectorError extends VeloError {
  override readonly name = 'ConnectorError';
}
/** State on disk that cannot be written, or read back. Exit 1. */
export class StateError extends VeloError {
  override readonly name = 'StateError';
}

/** Every fault of a text at once. */
export class SqlFaults extends Error {
  override readonly name = 'SqlFaults';
  readonly faults: readonly SqlError[];
  constructor(faults: readonly SqlError[]) {
    super(faults.map((fault) => `${fault.code}: ${fault.message}`).join('\n'));
    this.faults = faults;
  }
}
