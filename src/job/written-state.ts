/**
 * What a checkpoint that was written comes to, read out of its manifest: for who asked for it, and
 * for metrics. Owns these sums; how they are shown is their readers' business.
 */
import type { CheckpointFigures, StoredOperator } from '../metrics/checkpoint-figures.js';
import type { CheckpointManifest } from '../state/checkpoint/checkpoint-manifest.js';
import type { PublishedCheckpoint } from '../state/checkpoint/checkpoint-manifest.js';

/** A state where it was asked for. */
export interface WrittenState {
  readonly epoch: number;
  readonly folder: string;
  readonly entries: number;
  /** Of state, and of what was written for it. */
  readonly bytes: number;
  readonly bytesWritten: number;
}

export function writtenState({
  epoch,
  folder,
  manifest,
  bytesWritten,
}: PublishedCheckpoint): WrittenState {
  const operators = operatorSizes(manifest);
  return { epoch, folder, ...sumOf(operators), bytesWritten };
}

export function figuresOf(
  published: PublishedCheckpoint,
): Omit<NonNullable<CheckpointFigures['last']>, 'writeMs' | 'pauseMs'> {
  const { epoch, manifest, bytesWritten } = published;
  const operators = operatorSizes(manifest);
  const { takenAtMs } = manifest;
  return { epoch, takenAtMs, bytesWritten, ...sumOf(operators), operators };
}

function operatorSizes({ queries }: CheckpointManifest): readonly StoredOperator[] {
  return queries.flatMap(({ query, operators }) =>
    operators.map(({ id, files }) => ({ query, operator: id, ...sumOf(files) })),
  );
}

function sumOf(
  parts: readonly { readonly entries: number; readonly bytes: number }[],
): Pick<StoredOperator, 'entries' | 'bytes'> {
  return {
    entries: parts.reduce((sum, { entries }) => sum + entries, 0),
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
