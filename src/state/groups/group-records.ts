/**
 * What is done with a group's record outside the kernels: merging two groups, writing and reading
 * snapshots, and following the interner's compaction. Walks the layout (state/groups/aggregate-layout)
 * cell by cell, once per group and never per input row. @hot
 *
 * A group in a snapshot := key values, cells behind the keys, value tables, objects
 */
import type { AggregateItem, AggregateLayout } from './aggregate-layout.js';
import { addDouble, addPair } from '../sums/double-double.js';
import { addBigInt, addSum } from '../sums/exact-sums.js';
import type { GroupObject } from '../values/group-object.js';
import type { GroupTable } from './group-table.js';
import { extremeCell } from './grouping-support.js';
import { addIntegerMoments, addMoments, addSums, MOMENT_SUMS, PAIR_SUMS } from '../sums/moments.js';
import type { StateReader, StateWriter } from '../snapshot.js';
import type { CellCodec } from '../values/value-cells.js';
import { NULL_CELL } from '../values/value-cells.js';
import type { ValueTable } from '../values/value-table.js';
import { markCell, remapCell } from '../values/value-table.js';

/** The parts of a state that hold its groups. */
export interface GroupParts {
  readonly table: GroupTable;
  readonly tables: readonly ValueTable[];
  readonly objects: readonly GroupObject[];
}

/** Cells of a record; null: all of them are plain numbers. */
interface StoredCells {
  readonly codec: CellCodec | null;
  readonly from: number;
  readonly to: number;
}

/** Group `otherSlot` of `other` on its way into `slot` of `to`. */
interface Merge {
  readonly to: GroupParts;
  readonly slot: number;
  readonly other: GroupParts;
  readonly otherSlot: number;
}

export class GroupRecords {
  private readonly layout: AggregateLayout;
  private readonly codecs: ReadonlyMap<number, CellCodec>;
  /** Codec of each cell that may hold an id; null for plain numbers. */
  private readonly cellCodecs: readonly (CellCodec | null)[];
  /** Keys are numbers: reading them twice costs little. */
  readonly hasPlainKeys: boolean;
  private readonly holdsIds: boolean;
  /** What reads and writes the cells in a snapshot: plain numbers in a row, or one cell. */
  private readonly storedCells: readonly StoredCells[];
  private readonly cellsBehindKeys: readonly StoredCells[];
  private readonly keyCodecs: readonly CellCodec[];
  private readonly itemsOfLane: readonly (readonly AggregateItem[])[];

  constructor(layout: AggregateLayout, codecs: ReadonlyMap<number, CellCodec>) {
    this.layout = layout;
    this.codecs = codecs;
    const cellCodecs: (CellCodec | null)[] = new Array<null>(layout.stride).fill(null);
    layout.spec.keys.forEach((key, at) => {
      cellCodecs[at] = this.idCodec(key);
    });
    for (const item of layout.items) {
      if (item.kind !== 'extreme' && item.kind !== 'pick' && item.kind !== 'delta') continue;
      cellCodecs[item.at] = this.idCodec(item.column);
      if (item.kind === 'delta') cellCodecs[item.at + 1] = this.idCodec(item.column);
    }
    this.cellCodecs = cellCodecs;
    this.holdsIds = cellCodecs.some((codec) => codec !== null);
    this.keyCodecs = layout.spec.keys.map((key) => codecs.get(key)!);
    this.hasPlainKeys =
      layout.spec.keys.length > 0 && this.keyCodecs.every(({ ids }) => ids !== 'always');
    this.storedCells = this.cellsInRows(0);
    this.cellsBehindKeys = this.cellsInRows(this.keyCodecs.length);
    this.itemsOfLane = layout.lanes.map((_, lane) =>
      layout.items.filter((item) => item.lane === lane),
    );
  }

  codecOfKey(key: number): CellCodec {
    return this.keyCodecs[key]!;
  }

  /** What reads and writes a cell in a snapshot; null: a plain number. */
  codecOfCell(cell: number): CellCodec | null {
    return cell < this.layout.spec.keys.length ? this.codecOfKey(cell) : this.cellCodecs[cell]!;
  }

  /** Rows that a group stands for. */
  rowsOf(parts: GroupParts, slot: number): number {
    return parts.table.cellsOf(slot)[parts.table.baseOf(slot) + this.layout.rowsCell]!;
  }

  /**
   * Adds group `otherSlot` of `other` to `slot` of `to`; the rows of `to` came first. Groups that are
   * merged are those of windows and of senders, whose rows are only added: none was ever empty.
   */
  merge(to: GroupParts, slot: number, other: GroupParts, otherSlot: number): void {
    const { layout } = this;
    const cells = to.table.cellsOf(slot);
    const base = to.table.baseOf(slot);
    const otherCells = other.table.cellsOf(otherSlot);
    const otherBase = other.table.baseOf(otherSlot);
    cells[base + layout.rowsCell]! += otherCells[otherBase + layout.rowsCell]!;
    for (let index = 0; index < layout.lanes.length; index += 1) {
      const lane = layout.lanes[index]!;
      if (lane.table !== null) {
        this.mergeValues(index, lane.table, { to, slot, other, otherSlot });
        continue;
      }
      if (lane.cell >= 0) cells[base + lane.cell]! += otherCells[otherBase + lane.cell]!;
      for (const item of this.itemsOfLane[index]!) {
        if (item.kind !== 'object') this.mergeCells(item, cells, base, otherCells, otherBase);
        else to.objects[item.object]!.merge(other.objects[item.object]!, otherSlot, slot);
      }
    }
  }

  store(writer: StateWriter, parts: GroupParts, slot: number): void {
    const cells = parts.table.cellsOf(slot);
    const base = parts.table.baseOf(slot);
    for (const { codec, from, to } of this.storedCells) {
      if (codec === null) writer.writeCells(cells, base + from, base + to);
      else codec.store(writer, cells[base + from]!);
    }
    for (const table of parts.tables) table.snapshot(writer, slot);
    for (const object of parts.objects) object.snapshot(writer, slot);
  }

  /** Reads the key into the table's keyCells; `load` reads what follows. */
  loadKey(reader: StateReader, parts: GroupParts): void {
    for (let key = 0; key < this.layout.spec.keys.length; key += 1) {
      parts.table.keyCells[key] = this.codecOfKey(key).load(reader);
    }
  }

  load(reader: StateReader, parts: GroupParts, slot: number): void {
    const cells = parts.table.cellsOf(slot);
    const base = parts.table.baseOf(slot);
    for (const { codec, from, to } of this.cellsBehindKeys) {
      if (codec === null) reader.readCells(cells, base + from, base + to);
      else cells[base + from] = codec.load(reader);
    }
    for (const table of parts.tables) table.restore(reader, slot);
    for (const object of parts.objects) object.restore(reader, slot);
  }

  markIds(parts: GroupParts, marks: Uint8Array): void {
    this.eachIdCell(parts.table, (codec, cells, at) => {
      markCell(codec, cells[at]!, marks);
    });
    for (const table of parts.tables) table.markIds(marks);
    for (const object of parts.objects) object.markIds(marks);
  }

  remapIds(parts: GroupParts, newIds: Int32Array): void {
    if (parts.table.slotCount === 0) return;
    this.eachIdCell(parts.table, (codec, cells, at) => {
      cells[at] = remapCell(codec, cells[at]!, newIds);
    });
    for (const table of parts.tables) table.remapIds(newIds);
    for (const object of parts.objects) object.remapIds(newIds);
    parts.table.reindex();
  }

  private cellsInRows(first: number): StoredCells[] {
    const found: StoredCells[] = [];
    for (let cell = first; cell < this.layout.stride; cell += 1) {
      const codec = this.codecOfCell(cell);
      const last = found.at(-1);
      if (codec === null && last?.codec === null)
        found[found.length - 1] = { ...last, to: cell + 1 };
      else found.push({ codec, from: cell, to: cell + 1 });
    }
    return found;
  }

  private idCodec(column: number): CellCodec | null {
    const codec = this.codecs.get(column)!;
    return codec.ids === 'never' ? null : codec;
  }

  private eachIdCell(
    table: GroupTable,
    visit: (codec: CellCodec, cells: Float64Array, at: number) => void,
  ): void {
    if (!this.holdsIds) return;
    for (let slot = 0; slot < table.slotCount; slot += 1) {
      if (table.isFreed(slot)) continue;
      const cells = table.cellsOf(slot);
      const base = table.baseOf(slot);
      for (let cell = 0; cell < this.cellCodecs.length; cell += 1) {
        const codec = this.cellCodecs[cell]!;
        if (codec !== null) visit(codec, cells, base + cell);
      }
    }
  }

  /** DISTINCT: only values that are new count. */
  private mergeValues(index: number, table: number, { to, slot, other, otherSlot }: Merge): void {
    const cells = to.table.cellsOf(slot);
    const count = to.table.baseOf(slot) + this.layout.lanes[index]!.cell;
    const items = this.itemsOfLane[index]!;
    const { cells: values, counts } = other.tables[table]!.entriesOf(otherSlot);
    for (let at = 0; at < values.length; at += 1) {
      const value = values[at]!;
      if (to.tables[table]!.add(slot, value, counts[at]!) === 0) continue;
      cells[count]! += 1;
      for (const item of items) {
        if (item.kind !== 'object') this.addValue(item, to, slot, value);
        else {
          const from = other.objects[item.object]!;
          to.objects[item.object]!.mergeValue(from, otherSlot, slot, value);
        }
      }
    }
  }

  private mergeCells(
    item: AggregateItem,
    cells: Float64Array,
    base: number,
    other: Float64Array,
    otherBase: number,
  ): void {
    const at = base + item.at;
    const from = otherBase + item.at;
    switch (item.kind) {
      case 'sum-double':
        addPair(cells, at, other, from);
        return;
      case 'sum-exact':
        addSum(cells, at, other, from, item.wide);
        return;
      case 'moments':
        addSums(cells, at, other, from, { count: MOMENT_SUMS, size: item.size });
        return;
      case 'pairs':
        addSums(cells, at, other, from, { count: PAIR_SUMS, size: item.size });
        return;
      case 'extreme':
        this.mergeExtreme(item, cells, at, other[from]!, item.greatest);
        return;
      case 'delta':
        this.mergeExtreme(item, cells, at, other[from]!, false);
        this.mergeExtreme(item, cells, at + 1, other[from + 1]!, true);
        return;
      case 'pick': {
        const theirs = other[from]!;
        if (theirs !== NULL_CELL && (item.last || cells[at] === NULL_CELL)) cells[at] = theirs;
        return;
      }
      case 'count':
      case 'object':
        return;
    }
  }

  private mergeExtreme(
    item: AggregateItem,
    cells: Float64Array,
    at: number,
    value: number,
    greatest: boolean,
  ): void {
    if (value === NULL_CELL || value === -NULL_CELL) return;
    extremeCell(this.codecs.get(item.column)!, cells, at, value, greatest ? -1 : 1);
  }

  /** Adds one value of a DISTINCT lane, as the kernels would from a row. */
  private addValue(item: AggregateItem, to: GroupParts, slot: number, cell: number): void {
    const cells = to.table.cellsOf(slot);
    const at = to.table.baseOf(slot) + item.at;
    switch (item.kind) {
      case 'sum-double':
        addDouble(cells, at, cell);
        return;
      case 'sum-exact': {
        const value = this.codecs.get(item.column)!.value(cell) as bigint;
        addBigInt(cells, at, value, item.wide);
        return;
      }
      case 'moments':
        this.addMoment(item, cells, at, cell);
        return;
      default:
        return;
    }
  }

  private addMoment(
    item: AggregateItem & { readonly kind: 'moments' },
    cells: Float64Array,
    at: number,
    cell: number,
  ): void {
    const value = this.codecs.get(item.column)!.value(cell);
    if (typeof value === 'bigint') addIntegerMoments(cells, at, item.size, value, 1);
    else addMoments(cells, at, cell, 1);
  }
}
