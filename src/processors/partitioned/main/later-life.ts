/**
 * Whether a life of a job on partitions can end for another one that goes on where it stood
 * (JobProcessor.handOver). Owns what stands against it, in words; the steps are the coordinator's.
 */
import { VeloError } from '../../../base/errors.js';
import type { CoordinatedQuery } from './coordinated-query.js';

/** Throws JOB_RESCALE where a source gives its bytes once. */
export function requireLaterLife(queries: readonly CoordinatedQuery[]): void {
  for (const { readOnce } of queries) {
    if (readOnce === null) continue;
    throw new VeloError('JOB_RESCALE', {
      message: `table "${readOnce}" reads a pipe, which only the threads that began with it can`,
      hint: 'read a file or a topic where a job is to be cut anew',
    });
  }
}

export function cannotGoOn(why: string): VeloError {
  return new VeloError('JOB_RESCALE', { message: `the job cannot be cut anew: ${why}` });
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
