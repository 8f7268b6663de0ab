/**
 * A regular equi-join: each row meets the rows of the other input with its key that came before.
 * Owns what a row means for the result; keys are join-keys.ts, kept rows join-side.ts. Both inputs
 * are kept for good: there is no time bound. @hot
 *
 * An outer join pads a row that has no partner with NULLs, takes that back when the first partner
 * comes and gives it again when the last one goes. A record whose condition fails changes nothing.
 *
 *   | arriving row | joined with          | emits                                              |
 *   | +I +U        | no row               | the row padded, when its side is outer             |
 *   | +I +U        | rows without partner | −D of each padded one, when that side is outer      |
 *   | +I +U        | rows                 | +I of each pair                                    |
 *   | −U −D        | rows                 | −D of each pair, then +I of those left alone, padded |
 *
 * An inner join passes an update of a row on as updates, −U and +U of each pair.
 */
import type { Batch } from '../../columnar/batch.js';
import { OP_DELETE, OP_INSERT, OP_UPDATE_AFTER, OP_UPDATE_BEFORE } from '../../columnar/batch.js';
import type { SqlValue } from '../../columnar/types.js';
import { interpret } from '../../codegen/interpreter.js';
import { DataFault } from '../../functions/registry-types.js';
import { columnIndexes } from '../../plan/expression-walk.js';
import type { JoinNode } from '../../plan/pipeline-plan.js';
import type { StateReader, StateWriter } from '../../state/snapshot.js';
import type { Operator, OperatorContext } from '../operator.js';
import { MinimumWatermark } from '../watermark.js';
import { JoinKeys, NO_KEY } from './join-keys.js';
import { JoinOutput } from './join-output.js';
import { JoinSide } from './join-side.js';
import { grown, NULL_ROW } from './row-store.js';

type Side = 0 | 1;

export class JoinOperator implements Operator {
  readonly id: string;
  private readonly node: JoinNode;
  private readonly context: OperatorContext;
  private readonly keys: JoinKeys;
  private readonly sides: readonly [JoinSide, JoinSide];
  private readonly isOuter: readonly [boolean, boolean];
  private readonly retracts: readonly [boolean, boolean];
  private readonly output: JoinOutput;
  private readonly watermarks = new MinimumWatermark(2);
  /** Columns that the condition reads, and the pair at work by column number. */
  private readonly conditionColumns: readonly number[];
  private readonly pair: SqlValue[];
  private partners: Int32Array = new Int32Array(64);
  private partnerCount = 0;

  constructor(node: JoinNode, context: OperatorContext) {
    this.id = node.id;
    this.node = node;
    this.context = context;
    this.keys = new JoinKeys(node);
    this.isOuter = [
      node.type === 'left' || node.type === 'full',
      node.type === 'right' || node.type === 'full',
    ];
    this.retracts = [node.left.mode !== 'append', node.right.mode !== 'append'];
    this.sides = [this.side(0), this.side(1)];
    const stores = [this.sides[0].store, this.sides[1].store] as const;
    this.output = new JoinOutput(stores, context.output, node.mode !== 'append');
    this.conditionColumns = node.condition === null ? [] : [...columnIndexes(node.condition)];
    this.pair = new Array<SqlValue>(node.schema.length).fill(null);
  }

  process(input: number, batch: Batch): void {
    if (batch.selectedCount === 0) return;
    const side = input as Side;
    const own = this.sides[side];
    const slots = this.keys.resolve(side, batch);
    for (const each of this.sides) each.ensureSlots(this.keys.state.groupCount);
    this.output.begin(batch.header);
    if (this.retracts[side]) this.processChanges(side, batch, slots);
    else this.processAdded(side, batch, slots);
    this.output.flush();
    own.sweep(batch);
    if (this.retracts[0] || this.retracts[1]) this.forgetKeys(slots, batch.selectedCount);
  }

  /** An input that only adds rows: copied column by column. */
  private processAdded(side: Side, batch: Batch, slots: Int32Array): void {
    const own = this.sides[side];
    const places = own.addAll(batch);
    for (let k = 0; k < batch.selectedCount; k += 1) {
      const at = places[k]!;
      const slot = slots[k]!;
      this.output.answer(originOf(batch, k));
      if (slot === NO_KEY) {
        if (this.isOuter[side]) this.emit(side, at, NULL_ROW, OP_INSERT);
        own.retire(at);
      } else if (this.findPartners(side, batch, k, at, slot)) {
        own.append(at, slot);
        this.joined(side, at);
      } else own.retire(at);
    }
  }

  private processChanges(side: Side, batch: Batch, slots: Int32Array): void {
    this.sides[side].begin(batch);
    for (let k = 0; k < batch.selectedCount; k += 1) {
      const op = opOf(batch, k);
      this.output.answer(originOf(batch, k));
      if (slots[k] === NO_KEY) this.withoutKey(side, batch, k, op);
      else if (this.isUpdate(batch, slots, k)) {
        this.update(side, batch, k, slots[k]!);
        k += 1;
      } else if (op === OP_INSERT || op === OP_UPDATE_AFTER) {
        this.add(side, batch, k, slots[k]!);
      } else this.remove(side, batch, k, slots[k]!);
    }
  }

  private withoutKey(side: Side, batch: Batch, position: number, op: number): void {
    if (!this.isOuter[side]) return;
    const at = this.sides[side].hold(batch, rowOf(batch, position));
    const isAdded = op === OP_INSERT || op === OP_UPDATE_AFTER;
    this.emit(side, at, NULL_ROW, isAdded ? OP_INSERT : OP_DELETE);
    this.sides[side].retire(at);
  }

  /** −U and +U, one behind the other, that every partner of the key sees as an update. */
  private isUpdate(batch: Batch, slots: Int32Array, position: number): boolean {
    if (this.node.type !== 'inner' || this.node.condition !== null) return false;
    if (position + 1 === batch.selectedCount || slots[position] !== slots[position + 1])
      return false;
    return (
      opOf(batch, position) === OP_UPDATE_BEFORE && opOf(batch, position + 1) === OP_UPDATE_AFTER
    );
  }

  private update(side: Side, batch: Batch, position: number, slot: number): void {
    const own = this.sides[side];
    const before = own.remove(position, slot);
    const after = own.add(batch, rowOf(batch, position + 1), position + 1, slot);
    if (before === NULL_ROW) return;
    const other = this.sides[side === 0 ? 1 : 0];
    for (let at = other.first[slot]!; at !== NULL_ROW; at = other.next[at]!) {
      for (let copy = other.copies[at]!; copy > 0; copy -= 1) {
        if (side === 0) this.output.pushUpdate(before, at, after, at);
        else this.output.pushUpdate(at, before, at, after);
      }
    }
  }

  private add(side: Side, batch: Batch, position: number, slot: number): void {
    const own = this.sides[side];
    const row = rowOf(batch, position);
    if (this.node.condition !== null) {
      // The condition comes first: a record that fails must leave nothing behind.
      const held = own.hold(batch, row);
      own.retire(held);
      if (!this.findPartners(side, batch, position, held, slot)) return;
    } else this.findPartners(side, batch, position, NULL_ROW, slot);
    this.joined(side, own.add(batch, row, position, slot));
  }

  /** What a new row brings about. */
  private joined(side: Side, at: number): void {
    const otherSide = side === 0 ? 1 : 0;
    const own = this.sides[side];
    const other = this.sides[otherSide];
    if (this.partnerCount === 0) {
      if (this.isOuter[side]) this.emit(side, at, NULL_ROW, OP_INSERT);
      own.matches[at] = 0;
      return;
    }
    let matches = 0;
    for (let index = 0; index < this.partnerCount; index += 1) {
      const partner = this.partners[index]!;
      matches += other.copies[partner]!;
      if (!this.isOuter[otherSide]) continue;
      if (other.matches[partner] === 0) this.emitCopies(otherSide, partner, OP_DELETE);
      other.matches[partner] = other.matches[partner]! + 1;
    }
    own.matches[at] = matches;
    this.emitPairs(side, at, OP_INSERT);
  }

  private remove(side: Side, batch: Batch, position: number, slot: number): void {
    const otherSide = side === 0 ? 1 : 0;
    const other = this.sides[otherSide];
    const at = this.sides[side].remove(position, slot);
    if (at === NULL_ROW || !this.findPartners(side, batch, position, at, slot)) return;
    if (this.partnerCount === 0) {
      if (this.isOuter[side]) this.emit(side, at, NULL_ROW, OP_DELETE);
      return;
    }
    this.emitPairs(side, at, OP_DELETE);
    if (!this.isOuter[otherSide]) return;
    for (let index = 0; index < this.partnerCount; index += 1) {
      const partner = this.partners[index]!;
      other.matches[partner] = other.matches[partner]! - 1;
      if (other.matches[partner] === 0) this.emitCopies(otherSide, partner, OP_INSERT);
    }
  }

  /**
   * Lists the rows of the other side that a row of this side joins; `at` may be NULL_ROW without a
   * condition. False when the condition failed: the record has been reported then.
   */
  private findPartners(
    side: Side,
    batch: Batch,
    position: number,
    at: number,
    slot: number,
  ): boolean {
    const other = this.sides[side === 0 ? 1 : 0];
    const hasCondition = this.node.condition !== null;
    this.partnerCount = 0;
    try {
      for (let row = other.first[slot]!; row !== NULL_ROW; row = other.next[row]!) {
        if (hasCondition && !this.holds(side, at, row, batch)) continue;
        if (this.partnerCount === this.partners.length) {
          this.partners = grown(this.partners, this.partnerCount * 2);
        }
        this.partners[this.partnerCount] = row;
        this.partnerCount += 1;
      }
    } catch (error) {
      if (!(error instanceof DataFault)) throw error;
      const { key, message } = error;
      this.context.errors.recordFailed(batch.header, originOf(batch, position), { key, message });
      return false;
    }
    return true;
  }

  private holds(side: Side, at: number, partner: number, batch: Batch): boolean {
    const width = this.node.left.schema.length;
    for (const column of this.conditionColumns) {
      const isLeft = column < width;
      const row = isLeft === (side === 0) ? at : partner;
      const { store } = this.sides[isLeft ? 0 : 1];
      this.pair[column] = store.value(isLeft ? column : column - width, row);
    }
    const context = { nowMs: batch.header.ingestTimeMs };
    return interpret(this.node.condition!, this.pair, context) === true;
  }

  private emitPairs(side: Side, at: number, op: number): void {
    const { copies } = this.sides[side === 0 ? 1 : 0];
    for (let index = 0; index < this.partnerCount; index += 1) {
      const partner = this.partners[index]!;
      for (let copy = copies[partner]!; copy > 0; copy -= 1) this.emit(side, at, partner, op);
    }
  }

  private emitCopies(side: Side, at: number, op: number): void {
    const count = this.sides[side].copies[at]!;
    for (let copy = 0; copy < count; copy += 1) this.emit(side, at, NULL_ROW, op);
  }

  private emit(side: Side, at: number, other: number, op: number): void {
    if (side === 0) this.output.push(at, other, op);
    else this.output.push(other, at, op);
  }

  /** Keys of the batch that neither side has rows of any more. */
  private forgetKeys(slots: Int32Array, count: number): void {
    const { state } = this.keys;
    for (let k = 0; k < count; k += 1) {
      const slot = slots[k]!;
      if (slot === NO_KEY || state.table.isFreed(slot)) continue;
      if (this.sides[0].isEmpty(slot) && this.sides[1].isEmpty(slot)) state.freeSlot(slot);
    }
  }

  private side(side: Side): JoinSide {
    const { schema } = side === 0 ? this.node.left : this.node.right;
    const kept = new JoinSide({
      id: `${this.id}-${side === 0 ? 'left' : 'right'}`,
      types: schema.map((column) => column.type),
      retracts: this.retracts[side],
    });
    if (this.isOuter[side === 0 ? 1 : 0]) kept.store.padNullRow();
    return kept;
  }

  watermark(input: number, watermarkMs: number): void {
    if (!this.watermarks.update(input, watermarkMs)) return;
    this.context.output.watermark(this.watermarks.current());
  }

  /** The end of a bounded input holds the watermark back no longer. */
  end(input: number, flush: boolean): void {
    if (flush) this.watermark(input, Number.POSITIVE_INFINITY);
  }

  /** Watermarks come again from the sources. */
  snapshot(writer: StateWriter): void {
    this.keys.state.snapshot(writer, (entry, slot) => {
      for (const side of this.sides) side.writeKey(entry, slot);
    });
  }

  restore(reader: StateReader): void {
    while (reader.nextEntry() >= 0) {
      const rows = this.sides.map((side) => side.readKey(reader));
      const slot = this.keys.state.restoreGroup(reader);
      this.sides.forEach((side, at) => side.restoreKey(rows[at]!, slot));
    }
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    const [left, right] = this.sides;
    return {
      rows: left.store.size + right.store.size,
      bytes: left.byteSize() + right.byteSize() + this.keys.state.byteSize(),
    };
  }
}

function rowOf(batch: Batch, position: number): number {
  return batch.selection === null ? position : batch.selection[position]!;
}

function opOf(batch: Batch, position: number): number {
  return batch.ops === null ? OP_INSERT : batch.ops[rowOf(batch, position)]!;
}

function originOf(batch: Batch, position: number): number {
  const row = rowOf(batch, position);
  return batch.origins === null ? row : batch.origins[row]!;
}
