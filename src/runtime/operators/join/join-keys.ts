/**
 * Equality of join keys: which rows of both inputs have the same key, as slots. Owns the look-up by
 * value over both sides, the rows without a key (a NULL never joins), and the common form of keys
 * whose types differ: BIGINT with DOUBLE, and DECIMALs too wide for one type, meet as text. @hot
 */
import type { Batch } from '../../../columnar/batch.js';
import { BATCH_ROWS_MAX, emptyHeader, newBatch } from '../../../columnar/batch.js';
import type { Column } from '../../../columnar/column.js';
import { columnValue } from '../../../columnar/column.js';
import { sameType, VARCHAR } from '../../../columnar/types.js';
import type { SqlType, SqlValue } from '../../../columnar/types.js';
import { ValueColumn } from '../../../columnar/value-column.js';
import { scaleOf } from '../../../functions/compare.js';
import type { JoinNode } from '../../../plan/pipeline/pipeline-plan.js';
import { GroupedStateFactory } from '../../../state/groups/grouped-state-factory.js';
import type { GroupedState } from '../../../state/groups/grouped-state.js';

/** Slot of a row with a NULL in its key. */
export const NO_KEY = -1;

interface KeyPart {
  /** Column and type by side. */
  readonly columns: readonly [number, number];
  readonly types: readonly [SqlType, SqlType];
  readonly isDirect: boolean;
  /** Digits after the point of the common form of exact numbers. */
  readonly scale: number;
}

export class JoinKeys {
  /** One group per key that rows have. */
  readonly state: GroupedState;
  private readonly parts: readonly KeyPart[];
  private readonly batch: Batch = newBatch([], emptyHeader(''));
  private slots: Int32Array = new Int32Array(BATCH_ROWS_MAX);
  private keyed: Int32Array = new Int32Array(BATCH_ROWS_MAX);

  constructor(node: JoinNode) {
    this.parts = node.leftKeys.map((left, at) => keyPart(node, left, node.rightKeys[at]!));
    this.state = new GroupedStateFactory({
      id: node.id,
      inputTypes: this.parts.map((part) => (part.isDirect ? part.types[0] : VARCHAR)),
      keys: this.parts.map((_, at) => at),
      aggregates: [],
      windowColumns: false,
    }).create();
  }

  /** Slot of the key of each selected row, by position, or NO_KEY. Valid until the next call. */
  resolve(side: 0 | 1, batch: Batch): Int32Array {
    const { selection, selectedCount } = batch;
    const key = this.keyBatch(side, batch);
    const nulls = key.columns.flatMap((column) => (column.nulls === null ? [] : [column.nulls]));
    if (nulls.length === 0) return this.state.resolve(key, selection, selectedCount);
    if (this.slots.length < selectedCount) {
      this.slots = new Int32Array(selectedCount);
      this.keyed = new Int32Array(selectedCount);
    }
    const { slots, keyed } = this;
    let count = 0;
    for (let k = 0; k < selectedCount; k += 1) {
      const row = selection === null ? k : selection[k]!;
      let isNull = 0;
      for (let at = 0; at < nulls.length; at += 1) isNull |= nulls[at]![row]!;
      slots[k] = isNull === 1 ? NO_KEY : 0;
      if (isNull === 1) continue;
      keyed[count] = row;
      count += 1;
    }
    const found = this.state.resolve(key, keyed, count);
    let at = 0;
    for (let k = 0; k < selectedCount; k += 1) {
      if (slots[k] === NO_KEY) continue;
      slots[k] = found[at]!;
      at += 1;
    }
    return slots;
  }

  /** The key columns of a batch in their common form, at the same row numbers. */
  private keyBatch(side: 0 | 1, batch: Batch): Batch {
    const key = this.batch;
    key.header = batch.header;
    key.rowCount = batch.rowCount;
    key.selection = batch.selection;
    key.selectedCount = batch.selectedCount;
    for (let at = 0; at < this.parts.length; at += 1) {
      const part = this.parts[at]!;
      const column = batch.columns[part.columns[side]]!;
      key.columns[at] = part.isDirect ? column : commonForm(column, part, side, batch);
    }
    return key;
  }
}

function keyPart(node: JoinNode, left: number, right: number): KeyPart {
  const types = [node.left.schema[left]!.type, node.right.schema[right]!.type] as const;
  return {
    columns: [left, right],
    types,
    isDirect: sameType(types[0], types[1]),
    scale: Math.max(scaleOf(types[0]), scaleOf(types[1])),
  };
}

function commonForm(column: Column, part: KeyPart, side: 0 | 1, batch: Batch): Column {
  const texts = new ValueColumn(VARCHAR, batch.rowCount);
  const type = part.types[side];
  const zeros = 10n ** BigInt(part.scale - scaleOf(type));
  for (let k = 0; k < batch.selectedCount; k += 1) {
    const row = batch.selection === null ? k : batch.selection[k]!;
    const value = columnValue(column, type, row);
    if (value !== null) texts.set(row, numberText(value, zeros));
  }
  return texts.take();
}

/** One text per number, whatever its type: whole numbers in all their digits. */
function numberText(value: SqlValue, zeros: bigint): string {
  if (typeof value === 'bigint') return String(value * zeros);
  const number = Number(value);
  return Number.isInteger(number) ? String(BigInt(number)) : String(number);
}
