/**
 * What a check-up finds: all is well, something worth knowing, or something that must be mended
 * before a job runs. Plain data, and how an error becomes one.
 */
import { ConfigError, SqlFaults, VeloError } from '../../base/errors.js';

export type FindingStatus = 'ok' | 'note' | 'broken';

export interface Finding {
  /** What was looked at, in one word. */
  readonly name: string;
  readonly status: FindingStatus;
  /** One line. */
  readonly text: string;
  readonly detail?: string | undefined;
  /** What to do. */
  readonly hint?: string | undefined;
}

/** A fault of the world or of the user; others are thrown on. */
export function findingOf(name: string, error: unknown): Finding {
  if (error instanceof SqlFaults) {
    const [first] = error.faults;
    const count = error.faults.length;
    return {
      name,
      status: 'broken',
      text: `${count === 1 ? 'the SQL has a fault' : `the SQL has ${count} faults`}: ${first?.message ?? ''}`,
      hint: 'velo check FILE shows where',
    };
  }
  if (!(error instanceof VeloError) || error.domain === 'internal') throw error;
  const { message, detail, hint } = error;
  const missing = error instanceof ConfigError && error.key === 'SQL_FILE_MISSING';
  return { name: missing ? 'file' : name, status: 'broken', text: message, detail, hint };
}
