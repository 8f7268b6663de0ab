/**
 * The state of one query that runs on one thread (V1) as plain data, and its way back into the
 * operators. Owns what of a watermark operator is kept with its splits instead of as an operator:
 * V2 has such operators elsewhere (partitioned/main/portable-state). Where splits stand, and when a
 * query may be asked, is query-run.ts's.
 */
import { VeloError } from '../base/errors.js';
import { scansOf, watermarksOf } from '../plan/pipeline/pipeline-plan.js';
import type { PipelineNode } from '../plan/pipeline/pipeline-plan.js';
import type { Operator } from '../runtime/operator.js';
import { StateCopy } from '../runtime/state-copy.js';
import { readSplitWatermarks, writeSplitWatermark } from '../runtime/watermark-entries.js';
import { restorePart } from '../state/checkpoint/entry-files.js';
import type { OperatorState, QueryState, SplitState } from '../state/checkpoint/job-state.js';
import { StateReader, StateWriter } from '../state/snapshot.js';

export interface OperatorsState {
  readonly operators: readonly OperatorState[];
  /** Of operators whose state is copied while they go on; null: there are none. */
  readonly copy: StateCopy | null;
  /** By scan, then split: its highest event time. */
  readonly highestMs: ReadonlyMap<string, ReadonlyMap<number, number>>;
}

/** Of operators that have no work left. */
export function stateOf(root: PipelineNode, operators: readonly Operator[]): OperatorsState {
  const watermarks = new Map(watermarksOf(root).map((node) => [node.id, node]));
  const copy = new StateCopy(operators.filter(({ id }) => !watermarks.has(id)));
  const highestMs = new Map<string, Map<number, number>>();
  for (const operator of operators) {
    const watermark = watermarks.get(operator.id);
    if (watermark === undefined) continue;
    const writer = new StateWriter();
    operator.snapshot(writer);
    const times = new Map<number, number>();
    for (const split of readSplitWatermarks(new StateReader(writer.finish()))) {
      times.set(split.split, split.highestMs);
    }
    for (const { id } of scansOf(watermark)) highestMs.set(id, times);
  }
  if (copy.isWhole) return { operators: copy.parts, copy: null, highestMs };
  return { operators: [], copy, highestMs };
}

/** Before the first batch: what operators go on with. Splits that have ended say so themselves. */
export function restoreOperators(
  root: PipelineNode,
  operators: readonly Operator[],
  state: QueryState,
): void {
  const byId = new Map(operators.map((operator) => [operator.id, operator]));
  const sizes = sizesOf(state.operators);
  for (const part of state.operators) {
    const found = byId.get(part.operator);
    if (found === undefined) throw strangeOperator(state, part.operator);
    restorePart(found, part, () => true, sizes.get(part.operator));
  }
  for (const watermark of watermarksOf(root)) {
    const bytes = watermarkBytes(scansOf(watermark), state.splits, () => false);
    byId.get(watermark.id)?.restore(new StateReader(bytes));
  }
}

/** By operator: bytes of all its parts. */
export function sizesOf(parts: readonly OperatorState[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { operator, bytes, file } of parts) {
    sizes.set(operator, (sizes.get(operator) ?? 0) + (file?.bytes ?? bytes.length));
  }
  return sizes;
}

/** The entries of a watermark above these scans. */
export function watermarkBytes(
  scans: readonly { readonly id: string }[],
  splits: readonly SplitState[],
  ended: (split: SplitState) => boolean,
): Uint8Array {
  const writer = new StateWriter();
  for (const split of splits) {
    if (!scans.some(({ id }) => id === split.scan)) continue;
    const { highestMs } = split;
    writeSplitWatermark(writer, { split: split.split, highestMs, ended: ended(split) });
  }
  return writer.finish();
}

/** State of an operator that the query has not. */
export function strangeOperator({ query }: QueryState, operator: string): VeloError {
  return new VeloError('STATE_INVALID', {
    message: `the state holds an operator "${operator}" that ${query} has not`,
    hint: 'the query has changed: start it without its state (--restore none)',
  });
}

/** A split that the state tells of, and the source has not. */
export function missingSplit({ query }: QueryState, split: SplitState): VeloError {
  const name = split.sourceName === '' ? '' : ` of "${split.sourceName}"`;
  return new VeloError('STATE_INVALID', {
    message: `the state of ${query} goes on in split ${split.split}${name}, which is not there`,
    hint: 'bring it back, or start the job without its state (--restore none)',
  });
}
