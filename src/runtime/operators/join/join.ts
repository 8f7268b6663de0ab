/**
 * A regular equi-join: each row meets the rows of the other input with its key that came before.
 * Owns what a row means for the result; keys are join-keys.ts, kept rows join-side.ts. Both inputs
 * are kept for good, or as long as their TTL says (join-expiry.ts). @hot
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
import type { Batch } from '../../../columnar/batch.js';
import {
  OP_DELETE,
  OP_INSERT,
  OP_UPDATE_AFTER,
  OP_UPDATE_BEFORE,
} from '../../../columnar/batch.js';
import type { JoinNode } from '../../../plan/pipeline/pipeline-plan.js';
import type { StateReader, StateWriter } from '../../../state/snapshot.js';
import type { Operator, OperatorContext, RecordFailure } from '../../operator.js';
import { MinimumWatermark } from '../../split-watermarks.js';
import type { HeldBatch, Work } from '../../flow.js';
import { JoinAnswer } from './join-answer.js';
import type { Side } from './join-answer.js';
import { FAILED, FOUND, JoinCandidates, LOOKING } from './join-candidates.js';
import type { Look } from './join-candidates.js';
import { JoinExpiry } from './join-expiry.js';
import { JoinKeys, NO_KEY } from './join-keys.js';
import { JoinOutput } from './join-output.js';
import { JoinSide } from './join-side.js';
import { NULL_ROW } from '../rows/row-store.js';
import type { RowStore } from '../rows/row-store.js';

/** Rows of the other side that are looked at before the next chance to stop. */
const LOOK_AT_ONCE = 4096;

/** What the row at work is: kept already, new in an input with changes, taken back, or replaced. */
const KEPT = 0;
const ADDED = 1;
const REMOVED = 2;
const UPDATED = 3;

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
  /** Judges pairs by the condition beside the keys, if there is one. */
  private readonly candidates: JoinCandidates | null;
  private readonly answer: JoinAnswer;
  private readonly expiry: JoinExpiry | null;
  /** The row at work: what it is, its kept row and the one that it replaces. */
  private kind = KEPT;
  private at = NULL_ROW;
  private before = NULL_ROW;
  private found: Look = FOUND;
  /** Rows of the batch that it is made of. */
  private width = 1;
  /** It is not done yet. */
  private isOpen = false;
  /** The row of the other side that is looked at next. */
  private partner = NULL_ROW;
  private looked = 0;

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
    const isKept = node.ttls.every((ttl) => ttl === null);
    this.expiry = isKept ? null : new JoinExpiry(this.sides, this.keys.state, node.ttls);
    const stores = [this.sides[0].store, this.sides[1].store] as const;
    this.output = new JoinOutput(stores, context, node.mode !== 'append');
    this.answer = new JoinAnswer(this.sides, this.isOuter, this.output);
    this.candidates = this.candidatesOf(node, stores);
  }

  process(input: number, batch: Batch): void {
    if (batch.selectedCount === 0) return;
    const side = input as Side;
    const slots = this.keys.resolve(side, batch);
    for (const each of this.sides) each.ensureSlots(this.keys.state.groupCount);
    this.output.begin(batch.header);
    const held = { batch };
    this.context.flow.run(this.answerAll(side, held, slots), held);
  }

  private *answerAll(side: Side, held: HeldBatch, slots: Int32Array): Work {
    const own = this.sides[side];
    const count = held.batch.selectedCount;
    this.expiry?.begin(side, held.batch, slots);
    let places: Int32Array | null = null;
    if (this.retracts[side]) own.begin(held.batch);
    else places = own.addAll(held.batch);
    if (this.expiry !== null && places !== null) this.noteTimes(this.expiry, side, places, count);
    if (this.candidates !== null) this.beginCandidates(side, held.batch, slots, places);
    for (let k = 0; k < count;) {
      k = this.someRows(side, held.batch, slots, places, k);
      if (this.isOpen && !this.context.flow.suspended) {
        this.isOpen = !this.goOn(side, held.batch, k, slots[k]!);
        if (!this.isOpen) k += this.width;
      }
      if (this.context.flow.suspended && (this.isOpen || k < count)) yield;
    }
    this.output.flush();
    own.sweep(held.batch);
    if (this.retracts[0] || this.retracts[1]) this.forgetKeys(slots, count);
    this.expiry?.sweep(count);
  }

  private noteTimes(expiry: JoinExpiry, side: Side, places: Int32Array, count: number): void {
    for (let k = 0; k < count; k += 1) expiry.came(side, places[k]!, expiry.times[k]!);
  }

  /**
   * Adds a row of an input that takes rows back; a kept one that it equals is as new as it. One that
   * was given with partners that have expired is left to expire itself: what was given for it is
   * not what is given for this row.
   */
  private addRow(side: Side, batch: Batch, position: number, slot: number): number {
    const own = this.sides[side];
    if (this.expiry !== null && this.isOuter[side]) {
      own.disown(position, this.answer.rowsMet(side === 0 ? 1 : 0));
    }
    const at = own.add(batch, rowOf(batch, position), position, slot);
    if (this.expiry !== null) {
      this.expiry.came(side, at, this.expiry.times[position]!);
      own.moveToEnd(at, slot);
    }
    return at;
  }

  /**
   * Answers rows from position `from` on, until the flow is suspended or one takes longer; the
   * position of the next row, or of that one. `places`: where an input that only adds is kept.
   */
  private someRows(
    side: Side,
    batch: Batch,
    slots: Int32Array,
    places: Int32Array | null,
    from: number,
  ): number {
    const { flow } = this.context;
    let k = from;
    while (k < batch.selectedCount && !this.isOpen && !flow.suspended) {
      this.output.answer(originOf(batch, k));
      this.width = 1;
      const slot = slots[k]!;
      if (slot === NO_KEY) this.withoutKey(side, batch, k, places);
      else {
        this.beginRow(side, batch, slots, k, places);
        this.isOpen = !this.goOn(side, batch, k, slot);
      }
      if (!this.isOpen) k += this.width;
    }
    return k;
  }

  private withoutKey(side: Side, batch: Batch, position: number, places: Int32Array | null): void {
    const own = this.sides[side];
    if (places !== null) {
      if (this.isOuter[side]) this.emitPadded(side, places[position]!, OP_INSERT);
      own.retire(places[position]!);
      return;
    }
    if (!this.isOuter[side]) return;
    const at = own.hold(batch, rowOf(batch, position));
    this.emitPadded(side, at, isAddition(opOf(batch, position)) ? OP_INSERT : OP_DELETE);
    own.retire(at);
  }

  private emitPadded(side: Side, at: number, op: number): void {
    if (side === 0) this.output.push(at, NULL_ROW, op);
    else this.output.push(NULL_ROW, at, op);
  }

  /** Begins with the row at a position: what it is, and the look for its partners. */
  private beginRow(
    side: Side,
    batch: Batch,
    slots: Int32Array,
    position: number,
    places: Int32Array | null,
  ): void {
    const own = this.sides[side];
    const slot = slots[position]!;
    if (places !== null) this.beginKind(KEPT, places[position]!);
    else if (this.isUpdate(batch, slots, position)) {
      this.before = own.remove(position, slot);
      const after = this.addRow(side, batch, position + 1, slot);
      this.width = 2;
      this.beginKind(UPDATED, after);
    } else if (!isAddition(opOf(batch, position))) {
      this.beginKind(REMOVED, own.remove(position, slot));
    } else this.beginKind(ADDED, NULL_ROW);
    this.found = LOOKING;
    this.answer.count = 0;
    this.partner = this.sides[side === 0 ? 1 : 0].first[slot]!;
    const isUnknown =
      (this.kind === REMOVED && this.at === NULL_ROW) ||
      (this.kind === UPDATED && this.before === NULL_ROW);
    // It failed when it came: there is nothing to take back.
    if (isUnknown) this.found = FAILED;
  }

  private beginKind(kind: number, at: number): void {
    this.kind = kind;
    this.at = at;
  }

  /** Goes on with the row at work; true when its answer is complete. */
  private goOn(side: Side, batch: Batch, position: number, slot: number): boolean {
    if (this.found === LOOKING) {
      this.look(side, batch, position);
      if (this.found === LOOKING) return false;
      this.lookedUp(side, batch, position, slot);
    }
    return this.found === FAILED || this.answer.put();
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

  /** All partners are known, or the record has failed. */
  private lookedUp(side: Side, batch: Batch, position: number, slot: number): void {
    const own = this.sides[side];
    const { answer, kind, at } = this;
    const failed = this.found === FAILED;
    if (kind === KEPT) {
      if (failed) own.retire(at);
      else {
        own.append(at, slot);
        answer.added(side, at);
      }
    } else if (failed) return;
    else if (kind === ADDED) {
      answer.added(side, this.addRow(side, batch, position, slot));
    } else if (kind === REMOVED) answer.removed(side, at);
    else answer.updated(side, this.before, at);
  }

  /** Lists rows of the other side that the row at work joins, some at a time. */
  private look(side: Side, batch: Batch, position: number): void {
    if (this.candidates === null) this.lookAtAll(side, position);
    else {
      this.found = this.candidates.look(position, this.answer);
      this.looked += this.candidates.listed;
      if (this.found === FAILED) this.fail(batch, position, this.candidates.failure());
    }
    if (this.looked < LOOK_AT_ONCE) return;
    this.context.flow.spend(this.looked);
    this.looked = 0;
  }

  /** Without a condition every row of the key is a partner. */
  private lookAtAll(side: Side, position: number): void {
    const other = this.sides[side === 0 ? 1 : 0];
    const expiry = this.expiry?.filters === true ? this.expiry : null;
    let left = LOOK_AT_ONCE;
    let row = this.partner;
    for (; row !== NULL_ROW && left > 0; row = other.next[row]!) {
      left -= 1;
      if (expiry === null || expiry.meets(side, expiry.times[position]!, row)) {
        this.answer.addPartner(row);
      }
    }
    this.found = row === NULL_ROW ? FOUND : LOOKING;
    this.partner = row;
    this.looked += LOOK_AT_ONCE - left;
  }

  /** The record is reported, and changes nothing. */
  private fail(batch: Batch, position: number, failure: RecordFailure): void {
    this.context.errors.recordFailed(batch.header, originOf(batch, position), failure);
  }

  private candidatesOf(
    node: JoinNode,
    stores: readonly [RowStore, RowStore],
  ): JoinCandidates | null {
    if (node.condition === null) return null;
    const condition = {
      name: `${node.id}-condition`,
      expression: node.condition,
      leftWidth: node.left.schema.length,
    };
    return new JoinCandidates(condition, stores, LOOK_AT_ONCE);
  }

  /** `kept`: where the rows of an input that only adds are; others are held until the sweep. */
  private beginCandidates(
    side: Side,
    batch: Batch,
    slots: Int32Array,
    kept: Int32Array | null,
  ): void {
    const { first, next } = this.sides[side === 0 ? 1 : 0];
    this.candidates?.begin({
      side,
      header: batch.header,
      count: batch.selectedCount,
      slots,
      places: kept ?? this.sides[side].holdAll(batch),
      first,
      next,
      expiry: this.expiry?.filters === true ? this.expiry : null,
    });
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
      expires: this.node.ttls.some((ttl) => ttl !== null),
    });
    if (this.isOuter[side === 0 ? 1 : 0]) kept.store.padNullRow();
    return kept;
  }

  watermark(input: number, watermarkMs: number): void {
    this.expiry?.watermark(input as Side, watermarkMs);
    if (!this.watermarks.update(input, watermarkMs)) return;
    this.context.output.watermark(this.watermarks.current());
  }

  /** The end of a bounded input holds the watermark back no longer. */
  end(input: number, flush: boolean): void {
    if (flush) this.watermark(input, Number.POSITIVE_INFINITY);
  }

  /** Watermarks come again from the sources. */
  snapshot(writer: StateWriter): void {
    const { expiry } = this;
    const tail = expiry === null ? undefined : expiry.writeTimes.bind(expiry);
    this.keys.state.snapshot(
      writer,
      (entry, slot) => {
        for (const side of this.sides) side.writeKey(entry, slot);
      },
      tail,
    );
  }

  restore(reader: StateReader): void {
    while (reader.nextEntry() >= 0) {
      const rows = this.sides.map((side) => side.readKey(reader));
      const slot = this.keys.state.restoreGroup(reader);
      this.sides.forEach((side, at) => side.restoreKey(rows[at]!, slot));
      this.expiry?.readTimes(reader, slot);
    }
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    const [left, right] = this.sides;
    return {
      rows: left.store.size + right.store.size,
      bytes:
        left.byteSize() +
        right.byteSize() +
        this.keys.state.byteSize() +
        (this.expiry?.byteSize() ?? 0),
    };
  }
}

function rowOf(batch: Batch, position: number): number {
  return batch.selection === null ? position : batch.selection[position]!;
}

function opOf(batch: Batch, position: number): number {
  return batch.ops === null ? OP_INSERT : batch.ops[rowOf(batch, position)]!;
}

function isAddition(op: number): boolean {
  return op === OP_INSERT || op === OP_UPDATE_AFTER;
}

function originOf(batch: Batch, position: number): number {
  const row = rowOf(batch, position);
  return batch.origins === null ? row : batch.origins[row]!;
}
