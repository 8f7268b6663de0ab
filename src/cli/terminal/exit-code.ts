/**
 * Exit codes: 0 done; 1 the job failed; 2 a bad flag, a missing SQL file or a SQL fault;
 * 3 regression or unverified output; 4 baseline not comparable; 130 and 143 after ^C and SIGTERM.
 */
import { ConfigError, SqlError, SqlFaults, VeloError } from '../../base/errors.js';

export function exitCodeOf(error: unknown): number {
  if (error instanceof SqlFaults || error instanceof SqlError) return 2;
  if (error instanceof VeloError && error.key === 'BASELINE_MISMATCH') return 4;
  if (error instanceof ConfigError) return 2;
  if (error instanceof VeloError && error.key === 'VERIFICATION_FAILED') return 3;
  return 1;
}
