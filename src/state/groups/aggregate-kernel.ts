/**
 * Fused grouping kernels: one generated loop per way of emitting that adds rows to their groups'
 * records and writes result rows as it goes. Owns the loops and the order of things in a row;
 * fragments are aggregate-update and aggregate-emit, slots come from key-resolve.
 *
 *   kernel(state, batch, rows, slots, from, to, end, results) → the next position
 *
 * `from … to` is to be done now, `end` is where the batch's rows end. A kernel returns early
 * when a result column widened or the result batch is full; its caller sees to that and goes on.
 *
 *   update   adds rows
 *   changed  adds a row, appends the group's new state
 *   retract  appends the old state (−U), adds the row, appends the new one (+U)
 *   all      adds a row, appends a copy of the snapshot in front of it with one row changed
 *   emit     appends the groups `from … to`; adds nothing
 */
import type { Code } from '../../base/js-code.js';
import { CodeWriter, code } from '../../base/js-code.js';
import type { Batch } from '../../columnar/batch.js';
import { BATCH_ROWS_MAX } from '../../columnar/batch.js';
import type { KernelGroups } from './kernel-groups.js';
import type { ResultRows } from '../result-rows.js';
import type { EmitOptions, EmitShape } from './aggregate-emit.js';
import { bindResults, writeItems, writeKeys } from './aggregate-emit.js';
import type { AggregateItem, AggregateLayout } from './aggregate-layout.js';
import type { UpdateShape } from './aggregate-update.js';
import { isCertain, writeUpdate } from './aggregate-update.js';
import { keepsNulls } from '../../functions/aggregate-functions.js';
import { bindColumn, bindWords, named, shapeOf } from './key-cell.js';

export type KernelMode = 'update' | 'changed' | 'retract' | 'all' | 'emit';

export interface KernelShape extends UpdateShape, EmitShape {
  readonly mode: KernelMode;
  readonly selected: boolean;
  readonly chunked: boolean;
  /** Whether result rows have kinds. */
  readonly ops: boolean;
}

export type AggregateKernel = (
  state: KernelGroups,
  batch: Batch | null,
  rows: Int32Array | null,
  slots: Int32Array,
  from: number,
  to: number,
  end: number,
  results: ResultRows | null,
) => number;

export function kernelSource(layout: AggregateLayout, shape: KernelShape): string {
  return new KernelWriter(layout, shape).source();
}

/** Row kinds (columnar/batch.ts). */
const [INSERT, BEFORE, AFTER, DELETE] = [0, 1, 2, 3];

/** From so many rows on a call of copyWithin per column beats a loop over all of them. */
const LOOPED_ROWS_MAX = 40;

class KernelWriter {
  private readonly writer = new CodeWriter();
  private readonly layout: AggregateLayout;
  private readonly shape: KernelShape;
  private readonly hasKeys: boolean;

  constructor(layout: AggregateLayout, shape: KernelShape) {
    this.layout = layout;
    this.shape = shape;
    this.hasKeys = layout.spec.keys.length > 0;
  }

  source(): string {
    const { writer, shape } = this;
    writer.open(code`return function kernel(state, batch, rows, slots, from, to, end, results)`);
    this.bind();
    switch (shape.mode) {
      case 'update':
        this.writeUpdateLoop();
        break;
      case 'changed':
        this.writeChangedLoop();
        break;
      case 'retract':
        this.writeRetractLoop();
        break;
      case 'all':
        this.writeAllLoop();
        break;
      case 'emit':
        this.writeEmitLoop();
    }
    writer.line(code`return to;`);
    writer.close();
    return writer.toString();
  }

  private bind(): void {
    const { writer, layout, shape } = this;
    writer.line(
      shape.chunked
        ? code`const chunks = state.table.chunks;`
        : code`const cells = state.table.first;`,
    );
    layout.tables.forEach((_, index) => {
      writer.line(code`const ${named('table', index)} = state.tables[${index}];`);
    });
    for (let index = 0; index < layout.objectCount; index += 1) {
      writer.line(code`const ${named('object', index)} = state.objects[${index}];`);
    }
    if (shape.mode !== 'emit') this.bindInputs();
    if (shape.mode === 'update') return;
    bindResults(writer, shape);
    writer.line(code`const origins = results.origins;`);
    if (shape.ops) writer.line(code`const opsOut = results.ops;`);
    writer.line(code`let at = results.rowCount;`);
    writer.line(code`let widened = false;`);
  }

  private bindInputs(): void {
    const { writer, layout, shape } = this;
    const read = new Set<number>();
    for (const lane of layout.lanes) {
      if (lane.filter !== null) read.add(lane.filter);
      for (const arg of lane.args) read.add(arg);
    }
    for (const { kind, call, column } of layout.items) {
      if (kind === 'object' && keepsNulls(call.function)) read.add(column);
    }
    for (const column of layout.columns) {
      const input = shape.inputs[column];
      if (input !== undefined && read.has(column)) bindColumn(writer, column, input);
    }
    const summed = layout.items.filter((item) => item.kind === 'sum-exact');
    for (const column of new Set(summed.map((item) => item.column))) {
      if (shapeOf(shape.inputs, column).kind === 'i64') bindWords(writer, column);
    }
    if (shape.signed) writer.line(code`const opsIn = batch.ops;`);
  }

  private openLoop(): void {
    const { writer, shape } = this;
    writer.open(code`for (let i = from; i < to; i += 1)`);
    writer.line(shape.selected ? code`const row = rows[i];` : code`const row = i;`);
    writer.line(code`const slot = slots[i];`);
    this.openRecord();
    if (shape.signed) this.writeSign();
  }

  private openRecord(): void {
    const { writer, layout, shape } = this;
    if (shape.chunked) writer.line(code`const cells = chunks[slot >>> 16];`);
    const index = shape.chunked ? code`(slot & 65535)` : code`slot`;
    writer.line(code`const base = ${index} * ${layout.stride};`);
  }

  /**
   * `sign`; `joined`: this −U and the +U behind it are one change of the group; `second`: this is
   * such a +U. A row that takes back what was never added is left out.
   */
  private writeSign(): void {
    const { writer, layout } = this;
    const row = (position: Code): Code =>
      this.shape.selected ? code`rows[${position}]` : position;
    writer.line(code`const op = opsIn[row];`);
    writer.line(code`const sign = op === ${BEFORE} || op === ${DELETE} ? -1 : 1;`);
    writer.line(code`const live = cells[base + ${layout.rowsCell}];`);
    writer.open(code`if (sign < 0 && live <= 0)`);
    writer.line(code`state.suspect(slot);`);
    writer.line(code`continue;`);
    writer.close();
    const next = row(code`i + 1`);
    const previous = row(code`i - 1`);
    const sameNext = code`i + 1 < end && slots[i + 1] === slot`;
    const samePrevious = code`i > 0 && slots[i - 1] === slot`;
    writer.line(
      code`const joined = op === ${BEFORE} && ${sameNext} && opsIn[${next}] === ${AFTER};`,
    );
    writer.line(
      code`const second = op === ${AFTER} && ${samePrevious} && opsIn[${previous}] === ${BEFORE};`,
    );
  }

  private writeUpdateLoop(): void {
    const { writer, layout, shape } = this;
    this.openLoop();
    writeUpdate(writer, layout, shape);
    this.writeBorn();
    if (shape.signed && this.hasKeys) {
      writer.line(code`if (cells[base + ${layout.rowsCell}] === 0) state.suspect(slot);`);
    }
    writer.close();
  }

  private writeBorn(): void {
    const { bornCell } = this.layout;
    if (bornCell >= 0) this.writer.line(code`cells[base + ${bornCell}] = 1;`);
  }

  /** Whether the group has a row out already; before the update. */
  private existed(): Code {
    const { bornCell, rowsCell } = this.layout;
    if (bornCell >= 0) return code`cells[base + ${bornCell}] === 1`;
    const rows = code`cells[base + ${rowsCell}] > 0`;
    return this.shape.signed ? code`second || ${rows}` : rows;
  }

  private writeChangedLoop(): void {
    const { writer, layout, shape } = this;
    this.openLoop();
    writer.line(code`const existed = ${this.existed()};`);
    if (shape.signed && this.hasKeys) this.writeDeath();
    writeUpdate(writer, layout, shape);
    this.writeBorn();
    if (shape.signed) writer.line(code`if (joined) continue;`);
    if (layout.items.length === 0) writer.line(code`if (existed) continue;`);
    this.writeRow(code`existed ? ${AFTER} : ${INSERT}`, true, this.isHot());
    this.leaveIfWidened(code`i + 1`);
    writer.close();
    writer.line(code`results.rowCount = at;`);
  }

  private writeRetractLoop(): void {
    const { writer, layout, shape } = this;
    this.openLoop();
    writer.line(code`const existed = ${this.existed()};`);
    if (shape.signed && this.hasKeys) this.writeDeath();
    if (layout.items.length > 0) {
      writer.open(shape.signed ? code`if (existed && !second)` : code`if (existed)`);
      this.writeRow(code`${BEFORE}`, false, false);
      // The arrays bound here are no longer the columns': the row is done again by another kernel.
      writer.open(code`if (widened)`);
      writer.line(code`at -= 1;`);
      writer.line(code`results.clearRow(at, 0);`);
      writer.line(code`results.rowCount = at;`);
      writer.line(code`return i;`);
      writer.close();
      writer.close();
    }
    writeUpdate(writer, layout, shape);
    this.writeBorn();
    if (shape.signed) writer.open(code`if (!joined)`);
    if (layout.items.length === 0) writer.open(code`if (!existed)`);
    this.writeRow(code`existed ? ${AFTER} : ${INSERT}`, true, this.isHot());
    if (layout.items.length === 0) writer.close();
    if (shape.signed) writer.close();
    this.leaveIfWidened(code`i + 1`);
    writer.close();
    writer.line(code`results.rowCount = at;`);
  }

  /** The last row of a group goes: its old state is deleted, the group forgotten. */
  private writeDeath(): void {
    const { writer } = this;
    writer.open(code`if (sign < 0 && live === 1 && !joined)`);
    this.writeRow(code`${DELETE}`, false, false);
    writer.line(code`state.resetSlot(slot);`);
    writer.line(code`state.suspect(slot);`);
    this.leaveIfWidened(code`i + 1`);
    writer.line(code`continue;`);
    writer.close();
  }

  /** Lanes that this row has just added to cannot be NULL. */
  private isHot(): EmitOptions['certain'] | false {
    return (lane) => isCertain(lane, this.shape);
  }

  private writeRow(op: Code, reports: boolean, certain: EmitOptions['certain'] | false): void {
    const { writer, layout, shape } = this;
    const options: EmitOptions = {
      at: code`at`,
      valid: code`at`,
      certain: certain === false ? () => false : certain,
    };
    writer.open(code``);
    writer.line(code`let failed = 0;`);
    writeKeys(writer, layout, shape, options);
    writeItems(writer, layout, shape, options);
    writer.line(code`origins[at] = row;`);
    if (shape.ops) writer.line(code`opsOut[at] = ${op};`);
    const message = code`messages[failed - 1]`;
    if (this.canFail()) {
      writer.line(code`if (failed !== 0) results.fail(at, row, ${message}, ${reports});`);
    }
    writer.line(code`at += 1;`);
    writer.close();
  }

  private canFail(): boolean {
    return this.layout.items.some((item: AggregateItem) => item.kind !== 'count');
  }

  private leaveIfWidened(next: Code): void {
    const { writer } = this;
    writer.open(code`if (widened)`);
    writer.line(code`results.rowCount = at;`);
    writer.line(code`return ${next};`);
    writer.close();
  }

  private writeEmitLoop(): void {
    const { writer, layout, shape } = this;
    writer.line(code`const row = results.origin;`);
    writer.open(code`for (let slot = from; slot < to; slot += 1)`);
    this.openRecord();
    writer.line(code`if (cells[base + ${layout.rowsCell}] < 0) continue;`);
    writer.open(code`if (at === ${BATCH_ROWS_MAX})`);
    writer.line(code`results.rowCount = at;`);
    writer.line(code`return slot;`);
    writer.close();
    const options = { at: code`at`, valid: code`at`, certain: () => false };
    writer.line(code`let failed = 0;`);
    writeKeys(writer, layout, shape, options);
    writeItems(writer, layout, shape, options);
    writer.line(code`origins[at] = row;`);
    if (shape.ops) writer.line(code`opsOut[at] = results.op;`);
    if (this.canFail()) {
      writer.line(
        code`if (failed !== 0) results.fail(at, row, messages[failed - 1], results.reports(slot));`,
      );
    }
    writer.line(code`at += 1;`);
    this.leaveIfWidened(code`slot + 1`);
    writer.close();
    writer.line(code`results.rowCount = at;`);
  }

  /** Rows `at - present … at` are the snapshot of the record before; see GroupedState. */
  private writeAllLoop(): void {
    const { writer, layout, shape } = this;
    writer.line(code`let present = state.present;`);
    writer.line(code`let fixed = results.fixedUntil(state, present, at);`);
    this.openLoop();
    writer.line(code`const size = slot < present ? present : slot + 1;`);
    writer.open(code`if (at + size > ${BATCH_ROWS_MAX})`);
    writer.line(code`results.rowCount = at;`);
    writer.line(code`state.present = present;`);
    writer.line(code`return i;`);
    writer.close();
    writeUpdate(writer, layout, shape);
    this.writeCopy();
    writer.line(code`const changed = at + slot;`);
    const options: EmitOptions = {
      at: code`changed`,
      valid: code`at + size`,
      certain: (lane) => isCertain(lane, shape),
    };
    writer.line(code`let failed = 0;`);
    const kept = code`slot < present ? ${layout.firstResult} : 0`;
    writer.line(code`if (results.rest !== 0) results.clearRow(changed, ${kept});`);
    writer.open(code`if (slot >= present)`);
    writeKeys(writer, layout, shape, options);
    if (shape.ops) writer.line(code`opsOut[changed] = ${AFTER};`);
    writer.line(code`present = slot + 1;`);
    writer.close();
    writeItems(writer, layout, shape, options);
    if (this.canFail()) {
      writer.line(code`if (failed !== 0) results.fail(changed, row, messages[failed - 1], true);`);
    }
    writer.line(code`at += size;`);
    writer.open(code`if (widened)`);
    writer.line(code`state.present = present;`);
    writer.line(code`results.rowCount = at;`);
    writer.line(code`return i + 1;`);
    writer.close();
    writer.close();
    writer.line(code`state.present = present;`);
    writer.line(code`results.rowCount = at;`);
  }

  /**
   * Copies the `present` rows in front of `at`; a new row behind them is written by the caller.
   * Keys and window bounds are not copied where the batch's arrays hold them already, from the
   * snapshots of the batch before (ResultRows.pattern): most of the time only aggregates move.
   */
  private writeCopy(): void {
    const { writer, layout, shape } = this;
    const plain = shape.results.map((kind, column) => ({ kind, column }));
    const arrays = plain
      .filter(({ kind }) => kind === 'f64' || kind === 'bool' || kind === 'dict')
      .map(({ column }) => ({ name: named('result', column), fixed: column < layout.firstResult }));
    writer.line(code`const source = at - present;`);
    writer.open(code`if (at + size <= fixed && results.rest === 0)`);
    this.writeMoves(
      arrays.filter(({ fixed }) => !fixed).map(({ name }) => name),
      false,
    );
    writer.between(code`else`);
    this.writeMoves(
      arrays.map(({ name }) => name),
      shape.ops,
    );
    writer.line(code`if (results.rest !== 0) results.copyRest(source, at, present);`);
    writer.line(code`fixed = results.extend(state, present, size, at);`);
    writer.close();
    writer.line(code`if (slot >= present) origins[at + slot] = row;`);
  }

  private writeMoves(arrays: readonly Code[], ops: boolean): void {
    const { writer } = this;
    writer.open(code`if (present < ${LOOPED_ROWS_MAX})`);
    writer.open(code`for (let to = at, from = source; from < at; from += 1, to += 1)`);
    for (const array of arrays) writer.line(code`${array}[to] = ${array}[from];`);
    writer.line(code`origins[to] = row;`);
    if (ops) writer.line(code`opsOut[to] = ${AFTER};`);
    writer.close();
    writer.between(code`else`);
    for (const array of arrays) writer.line(code`${array}.copyWithin(at, source, at);`);
    writer.line(code`origins.fill(row, at, at + present);`);
    if (ops) writer.line(code`opsOut.fill(${AFTER}, at, at + present);`);
    writer.close();
  }
}
