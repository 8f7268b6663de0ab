/**
 * processing_mode and batch_size → how a job's sources collect rows. Owns what the two mean
 * together: a size without a mode is a batch of that size, individual rows have no size, and where
 * they contradict each other the stronger layer wins.
 */
import { BATCH_ROWS_MAX } from '../../columnar/batch.js';
import type { ProcessingMode } from '../../processors/partitioned/job-settings.js';
import { FLAG_RANK } from './configuration-choice.js';
import type { Choice, Chosen } from './configuration-choice.js';
import { configError } from './configuration-layers.js';
import type { SettingValues } from './configuration-schema.js';

export interface ResolvedMode {
  readonly mode: ProcessingMode;
  /** Rows per batch that a flag set: they win over what a query says itself. */
  readonly batchRows: number | null;
  /** The size that was said; null = none. */
  readonly rows: number | null;
  readonly values: Pick<SettingValues, 'processing_mode' | 'batch_size'>;
  readonly origins: { readonly processing_mode: string; readonly batch_size: string };
}

type Size = Chosen<'batch_size'>;
type Mode = Chosen<'processing_mode'>;

export function resolveMode(
  choice: Choice,
  architecture: 'v1' | 'v2',
  notices: string[],
): ResolvedMode {
  const said = choice.of('processing_mode');
  const size = choice.of('batch_size');
  const contradiction = said.rank > 0 && size.rank > 0 && contradicts(said, size);
  if (contradiction && said.rank === size.rank) {
    throw configError(size.place, {
      message: `batch_size "${size.value}" contradicts processing_mode "${said.value.kind}" (${said.place.origin})`,
      hint: 'say one of the two',
    });
  }
  const sizeCounts = size.rank > 0 && !(contradiction && said.rank > size.rank);
  const modeCounts = said.rank > 0 && !(contradiction && size.rank > said.rank);
  const { kind, rows } = kindAndRows(said, modeCounts, sizeCounts ? size : null);
  const targetLatencyMs = choice.of('target_latency').value;
  const mode: ProcessingMode =
    kind === 'batch'
      ? { kind, rows: Math.min(rows ?? BATCH_ROWS_MAX, BATCH_ROWS_MAX) }
      : kind === 'adaptive'
        ? { kind, targetLatencyMs }
        : { kind };
  note({ mode, size, sizeCounts, architecture }, notices);
  const decided = sizeCounts ? size : modeCounts ? said : null;
  const sizeText = decided === null ? size.place.origin : decided.place.origin;
  return {
    mode,
    batchRows: decided?.rank === FLAG_RANK ? capOf(mode, rows) : null,
    rows: kind === 'adaptive' ? null : rows,
    values: {
      processing_mode: mode.kind === 'batch' ? mode : { kind: mode.kind },
      batch_size: kind === 'adaptive' ? 'adaptive' : (capOf(mode, rows) ?? BATCH_ROWS_MAX),
    },
    origins: {
      processing_mode: modeCounts ? said.place.origin : sizeText,
      batch_size: sizeText,
    },
  };
}

function contradicts({ value: mode }: Mode, { value: size }: Size): boolean {
  switch (mode.kind) {
    case 'individual':
      return size === 'adaptive';
    case 'adaptive':
      return size !== 'adaptive';
    case 'batch':
      return mode.rows !== null && size !== mode.rows;
  }
}

function kindAndRows(
  said: Mode,
  modeCounts: boolean,
  size: Size | null,
): { readonly kind: ProcessingMode['kind']; readonly rows: number | null } {
  const rows = size === null || size.value === 'adaptive' ? null : size.value;
  if (!modeCounts) return { kind: size?.value === 'adaptive' ? 'adaptive' : 'batch', rows };
  const { value: mode } = said;
  if (mode.kind !== 'batch') return { kind: mode.kind, rows };
  if (size?.value === 'adaptive') return { kind: 'adaptive', rows };
  return { kind: 'batch', rows: rows ?? mode.rows };
}

/** Rows per batch at most on V1; null = whatever has arrived. */
function capOf(mode: ProcessingMode, rows: number | null): number | null {
  if (mode.kind === 'batch') return mode.rows;
  if (mode.kind === 'adaptive') return BATCH_ROWS_MAX;
  return rows === null ? null : Math.min(rows, BATCH_ROWS_MAX);
}

function note(
  resolved: {
    readonly mode: ProcessingMode;
    readonly size: Size;
    readonly sizeCounts: boolean;
    readonly architecture: 'v1' | 'v2';
  },
  notices: string[],
): void {
  const { mode, size, sizeCounts, architecture } = resolved;
  if (mode.kind === 'adaptive' && architecture === 'v1') {
    notices.push(`adaptive batches are v2's: v1 takes up to ${BATCH_ROWS_MAX} rows`);
  }
  if (mode.kind === 'individual' && architecture === 'v2' && sizeCounts) {
    notices.push(`batch_size ${size.value} (${size.place.origin}) says nothing in individual mode`);
  }
}
