/**
 * Workers that share the lanes of a source, without threads: each has opened the source for itself,
 * and a seeded interleaving decides who claims next and whose claimed block is read next. What they
 * give is put in the order of the claims and compared with what one reader alone gives.
 */
import type { Batch, BatchHeader } from '../../src/columnar/batch.js';
import { rowOffset } from '../../src/columnar/batch.js';
import { columnValue } from '../../src/columnar/column.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { BIGINT, TIMESTAMP } from '../../src/columnar/types.js';
import { openSharedSource, openSource } from '../../src/connectors/registry.js';
import { LANE_CELLS } from '../../src/connectors/shared-split.js';
import type { SharedSource } from '../../src/connectors/shared-split.js';
import type { SourceRequest } from '../../src/connectors/source.js';
import type { RecordErrors } from '../../src/runtime/operator.js';

export interface SeenRow {
  readonly offset: number;
  readonly line: number | null;
  readonly raw: string;
  readonly values: readonly SqlValue[];
}

export interface SeenBatch {
  readonly split: number;
  readonly sequence: number;
  readonly firstOffset: number;
  readonly rowCount: number;
  readonly ingestTimeMs: number;
  readonly rows: readonly SeenRow[];
}

export interface SeenFailure {
  readonly offset: number;
  readonly line: number | null;
  readonly key: string;
  readonly message: string;
  readonly raw: string;
}

export interface Seen {
  /** In the order in which they were claimed, split by split. */
  readonly batches: readonly SeenBatch[];
  /** In the order of their offsets. */
  readonly failures: readonly SeenFailure[];
  readonly positions: readonly string[];
  readonly rowsRead: number;
}

export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** mulberry32: numbers from 0 to 1, the same for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What the table's SplitReaders give, each to its end or, with a rate, to where it has to wait. */
export async function readAlone(
  request: SourceRequest,
  options: { readonly from?: readonly string[]; readonly batchesMax?: number } = {},
): Promise<Seen> {
  const failures: SeenFailure[] = [];
  const source = await openSource({ ...request, errors: collectingErrors(failures) });
  const batches: SeenBatch[] = [];
  const positions: string[] = [];
  let rowsRead = 0;
  for (const [at, split] of source.splits.entries()) {
    const from = options.from?.[at];
    if (from !== undefined) split.seek(from);
    for (let count = 0; count < (options.batchesMax ?? Infinity); count += 1) {
      const batch = split.next();
      if (typeof batch === 'string') break;
      batches.push(seenBatch(request, batch));
    }
    positions.push(split.position());
    rowsRead += split.rowsRead();
  }
  await source.close();
  return { batches, failures, positions, rowsRead };
}

/** What workers give that share the lanes; a block that is claimed is always read. */
export function readTogether(
  request: SourceRequest,
  options: {
    readonly workers: number;
    readonly seed: number;
    readonly from?: readonly string[];
    /** Most blocks to claim of each split. */
    readonly batchesMax?: number;
  },
): Seen {
  const failures: SeenFailure[] = [];
  const errors = collectingErrors(failures);
  const sources = Array.from({ length: options.workers }, () =>
    openSharedSource({ ...request, errors }),
  );
  const batches: SeenBatch[] = [];
  const positions: string[] = [];
  for (const at of (sources[0] as SharedSource).splits.keys()) {
    const lane = new Float64Array(LANE_CELLS);
    const from = options.from?.[at];
    if (from !== undefined) (sources[0] as SharedSource).splits[at]?.seek(lane, from);
    batches.push(...laneBatches(request, sources, { ...options, at, lane }));
    positions.push((sources.at(-1) as SharedSource).splits[at]?.position(lane) ?? '');
  }
  failures.sort((a, b) => a.offset - b.offset);
  const splits = sources.flatMap((source) => source.splits);
  const rowsRead = splits.reduce((total, split) => total + split.rowsRead(), 0);
  for (const source of sources) source.close();
  return { batches, failures, positions, rowsRead };
}

function laneBatches(
  request: SourceRequest,
  sources: readonly SharedSource[],
  options: {
    readonly at: number;
    readonly lane: Float64Array;
    readonly seed: number;
    readonly batchesMax?: number;
  },
): SeenBatch[] {
  const random = seededRandom(options.seed);
  const inOrder: SeenBatch[] = [];
  /** Number of the block that a worker has claimed and not read; -1 when it is free. */
  const claimed = sources.map(() => -1);
  let blocks = 0;
  let open = true;
  while (open || claimed.some((block) => block >= 0)) {
    const worker = Math.floor(random() * sources.length);
    const split = sources[worker]?.splits[options.at];
    if (split === undefined) throw new Error('every worker has every split');
    const block = claimed[worker] as number;
    if (block >= 0) {
      inOrder[block] = seenBatch(request, split.read());
      claimed[worker] = -1;
    } else if (open) {
      const found = blocks === options.batchesMax ? 'end' : split.claim(options.lane);
      if (found === 'block') {
        claimed[worker] = blocks;
        blocks += 1;
      } else {
        open = false;
      }
    }
  }
  return inOrder;
}

function collectingErrors(failures: SeenFailure[]): RecordErrors {
  return {
    recordFailed: (header, row, { key, message }) => {
      failures.push({
        offset: rowOffset(header, row),
        line: lineOf(header, row),
        key,
        message,
        raw: rawOf(header, row),
      });
    },
  };
}

export function seenBatch(request: SourceRequest, batch: Batch): SeenBatch {
  const { header, rowCount } = batch;
  const types: SqlType[] = [
    ...request.physical.map((at) => request.table.physical[at]?.type ?? BIGINT),
    ...request.system.map((name) => (name === '_timestamp' ? TIMESTAMP : BIGINT)),
  ];
  const rows: SeenRow[] = [];
  for (let at = 0; at < batch.selectedCount; at += 1) {
    const row = batch.selection === null ? at : (batch.selection[at] as number);
    rows.push({
      offset: rowOffset(header, row),
      line: lineOf(header, row),
      raw: rawOf(header, row),
      values: batch.columns.map((column, c) => columnValue(column, types[c] ?? BIGINT, row)),
    });
  }
  const { split, sequence, firstOffset, ingestTimeMs } = header;
  return { split, sequence, firstOffset, rowCount, ingestTimeMs, rows };
}

function lineOf(header: BatchHeader, row: number): number | null {
  return header.lineNumbers === null ? null : (header.lineNumbers[row] as number);
}

function rawOf(header: BatchHeader, row: number): string {
  return header.rawRecord === null ? '' : textOf(header.rawRecord(row));
}
