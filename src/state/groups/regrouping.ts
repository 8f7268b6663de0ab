/**
 * Groups whose aggregates are others than when they were written: those that stay keep their cells,
 * those that went are left out, and those that came begin with the restore, in lanes of their own.
 * Owns which aggregate's cells serve which, and the snapshot in the other layout; whether groups
 * may be taken in at all is the job's business (job/restore). A group's row count is kept in any
 * case: COUNT(*) is never new.
 */
import type { AggregateCall } from '../../plan/pipeline/pipeline-plan.js';
import type { GroupMeaning } from '../../plan/state-meaning.js';
import { GLOBAL_ENTRY, StateReader, StateWriter } from '../snapshot.js';
import type { CellCodec } from '../values/value-cells.js';
import { cellsOfItem, planLayout } from './aggregate-layout.js';
import type { AggregateItem, AggregateLayout, Lane } from './aggregate-layout.js';
import { GroupedStateFactory } from './grouped-state-factory.js';
import type { GroupedState } from './grouped-state.js';

export interface Regrouping {
  /** The calls as they are, each with the restore that it counts from. */
  readonly calls: readonly AggregateCall[];
  /** The calls that begin now, and those that are there no more. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** `restore`: the number of this restore, larger than those before it. */
export function planRegrouping(
  before: GroupMeaning,
  now: GroupMeaning,
  restore: number,
): Regrouping {
  const known = keysOf(before, before.calls);
  const restores = new Set([null, ...before.calls.map(({ since = null }) => since)]);
  const sinces = [...restores].sort((a, b) => (a ?? -1) - (b ?? -1));
  const added: string[] = [];
  const calls = now.calls.map((call, at) => {
    const since = sinces.find((each) => isCovered(known, keysOf(now, [sinceOf(call, each)])));
    if (since !== undefined) return sinceOf(call, since);
    added.push(now.labels[at] ?? '');
    return sinceOf(call, restore);
  });
  const removed = before.labels.filter((_, at) => !now.texts.includes(before.texts[at] ?? ''));
  return { calls, added, removed };
}

function sinceOf(call: AggregateCall, since: number | null): AggregateCall {
  return since === null ? call : { ...call, since };
}

function isCovered(before: LayoutKeys, now: LayoutKeys): boolean {
  return now.layout.items.every((item, at) => {
    const lane = now.layout.lanes[item.lane] as Lane;
    if (item.kind !== 'count') return before.items.includes(now.items[at] as string);
    return lane.counting === 'rows' || before.lanes.includes(now.lanes[item.lane] as string);
  });
}

/** A layout, and by which its lanes and items are found in another one. */
interface LayoutKeys {
  readonly layout: AggregateLayout;
  readonly lanes: readonly string[];
  readonly items: readonly string[];
}

function keysOf(meaning: GroupMeaning, calls: readonly AggregateCall[]): LayoutKeys {
  const { columns, keys, retracts } = meaning;
  const layout = planLayout({
    inputTypes: columns.map(({ type }) => type),
    keys,
    aggregates: calls,
    windowColumns: false,
    inputRetracts: retracts,
  });
  const textOf = (column: number | null): string | null =>
    column === null ? null : (columns[column]?.text ?? null);
  const lanes = layout.lanes.map(({ filter, args, table, since }) => {
    const distinct = table === null ? null : textOf(layout.tables[table]?.column ?? null);
    return JSON.stringify([textOf(filter), args.map(textOf).sort(), distinct, since]);
  });
  const items = layout.items.map((item) =>
    JSON.stringify([lanes[item.lane], itemForm(item, textOf)]),
  );
  return { layout, lanes, items };
}

/** AVG has the cells of SUM. */
function itemForm(item: AggregateItem, textOf: (column: number) => string | null): unknown[] {
  const form = [item.kind, textOf(item.column)];
  switch (item.kind) {
    case 'count':
    case 'delta':
    case 'sum-double':
      return form;
    case 'sum-exact':
      return [...form, item.wide];
    case 'extreme':
      return [...form, item.greatest];
    case 'pick':
      return [...form, item.last];
    case 'moments':
      return [...form, item.size];
    case 'pairs':
      return [...form, textOf(item.other), item.size];
    case 'object': {
      const { call } = item;
      const order = call.orderBy.map((key) => [textOf(key.column), key.descending, key.nullsFirst]);
      const literals = call.literals.map((value) => String(value));
      return [...form, call.function, literals, order, call.distinct];
    }
  }
}

/** Snapshots of `before` as snapshots of `now`, whose calls are those of a Regrouping. */
export class Regrouper {
  private readonly before: LayoutKeys;
  private readonly now: LayoutKeys;
  private readonly prefixBytes: number;
  private readonly from: GroupedStateFactory;
  private readonly old: GroupedState;
  private readonly to: GroupedStateFactory;
  /** Without groups: what value tables and objects that begin are written from. */
  private readonly empty: GroupedState;
  private readonly codecs: readonly (CellCodec | null)[];
  /** Cell of `before` by cell of `now`; -1: it begins. */
  private readonly sources: Int32Array;
  /** Cells of `now` that begin with the rows that the group has had. */
  private readonly skipped: ReadonlySet<number>;
  private readonly tables: readonly number[];
  private readonly objects: readonly number[];

  constructor(before: GroupMeaning, now: GroupMeaning) {
    this.before = keysOf(before, before.calls);
    this.now = keysOf(now, now.calls);
    this.prefixBytes = now.prefixBytes;
    this.from = factoryOf(before);
    this.to = factoryOf(now);
    this.old = this.from.create();
    this.empty = this.to.create();
    const { layout } = this.now;
    this.codecs = Array.from({ length: layout.stride }, (_, at) => this.to.records.codecOfCell(at));
    this.sources = this.cellSources();
    this.skipped = new Set(
      layout.lanes.flatMap(({ counting, cell }) =>
        counting === 'skipped' && this.sources[cell] === -1 ? [cell] : [],
      ),
    );
    this.tables = this.tableSources();
    this.objects = this.objectSources();
  }

  rewrite(bytes: Uint8Array): Uint8Array {
    const reader = new StateReader(bytes);
    const writer = new StateWriter();
    for (let group = reader.nextEntry(); group >= 0; group = reader.nextEntry()) {
      writer.beginEntry(group);
      if (group === GLOBAL_ENTRY) while (reader.hasMore()) writer.writeF64(reader.readF64());
      else this.rewriteGroup(reader, writer);
      writer.endEntry();
    }
    return writer.finish();
  }

  private rewriteGroup(reader: StateReader, writer: StateWriter): void {
    const { old } = this;
    for (let at = 0; at < this.prefixBytes; at += 8) writer.writeF64(reader.readF64());
    this.from.tidy();
    const slot = old.restoreSlot(reader);
    const cells = old.table.cellsOf(slot);
    const base = old.table.baseOf(slot);
    for (let cell = 0; cell < this.codecs.length; cell += 1) {
      const source = this.sources[cell] ?? -1;
      if (source >= 0) write(writer, this.from.records.codecOfCell(source), cells[base + source]);
      else if (this.skipped.has(cell)) writer.writeF64(old.rowsOf(slot));
      else write(writer, this.codecs[cell] ?? null, this.now.layout.template[cell]);
    }
    this.tables.forEach((source, at) => {
      const table = source < 0 ? this.empty.tables[at] : old.tables[source];
      table?.snapshot(writer, source < 0 ? 0 : slot);
    });
    this.objects.forEach((source, at) => {
      const object = source < 0 ? this.empty.objects[at] : old.objects[source];
      object?.snapshot(writer, source < 0 ? 0 : slot);
    });
    // The time of its last update, where groups expire (group-expiry.ts).
    if (reader.hasMore()) {
      writer.writeU32(reader.readU32());
      writer.writeF64(reader.readF64());
    }
    old.freeSlot(slot);
  }

  private cellSources(): Int32Array {
    const { before, now } = this;
    const sources = new Int32Array(now.layout.stride).fill(-1);
    const take = (to: number, from: number, count = 1): void => {
      for (let at = 0; at < count; at += 1) sources[to + at] = from + at;
    };
    // The keys, the rows, and whether the one group has a row out: the same in both.
    take(0, 0, Math.max(now.layout.rowsCell, now.layout.bornCell) + 1);
    now.layout.lanes.forEach(({ cell }, at) => {
      const from = before.layout.lanes[before.lanes.indexOf(now.lanes[at] as string)];
      if (cell >= 0 && from !== undefined) take(cell, from.cell);
    });
    now.layout.items.forEach((item, at) => {
      const from = before.layout.items[before.items.indexOf(now.items[at] as string)];
      if (item.at >= 0 && from !== undefined) take(item.at, from.at, cellsOfItem(item));
    });
    return sources;
  }

  private tableSources(): number[] {
    const { before, now } = this;
    return now.layout.lanes.flatMap(({ table }, at) => {
      if (table === null) return [];
      const from = before.layout.lanes[before.lanes.indexOf(now.lanes[at] as string)];
      return [from?.table ?? -1];
    });
  }

  private objectSources(): number[] {
    const { before, now } = this;
    return now.layout.items.flatMap((item, at) => {
      if (item.kind !== 'object') return [];
      const from = before.layout.items[before.items.indexOf(now.items[at] as string)];
      return [from?.kind === 'object' ? from.object : -1];
    });
  }
}

function write(writer: StateWriter, codec: CellCodec | null, value = 0): void {
  if (codec === null) writer.writeF64(value);
  else codec.store(writer, value);
}

function factoryOf({ columns, keys, calls, retracts }: GroupMeaning): GroupedStateFactory {
  return new GroupedStateFactory({
    id: 'regrouping',
    inputTypes: columns.map(({ type }) => type),
    keys,
    aggregates: calls,
    windowColumns: false,
    inputRetracts: retracts,
  });
}
