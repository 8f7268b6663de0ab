/**
 * The groups of an operator that may be more than memory holds. Owns when groups go out, and that
 * what is on disk and what is in memory add up. Only for groups whose parts can be added
 * (groups/group-merger), where no row asks for the state of its group: GROUP BY with EMIT FINAL.
 *
 *   rows ─▶ GroupedState ──share reached──▶ run ─┬─▶ many of a size are merged into one
 *                                                └─▶ end of input: page by page through memory
 *
 * So nothing is looked up on disk, and keys that come often are one group in memory and one entry
 * in each run. A row costs what it costs in memory; a group in memory one entry written and read
 * for each of the few times that it is merged. Below the share there is one comparison a batch.
 *
 * Long work is given in pieces; between them, nothing else may come to the state. @hot
 */
import type { GroupMerger } from '../groups/group-merger.js';
import type { GroupedState, Pieces } from '../groups/grouped-state.js';
import type { GroupedStateFactory } from '../groups/grouped-state-factory.js';
import { KEY_GROUPS } from '../key-groups.js';
import type { ResultRows } from '../result-rows.js';
import { StateReader, StateWriter } from '../snapshot.js';
import { PageFolder } from './page-folder.js';
import type { StateMemory } from './page-folder.js';
import { rankOf, RunWriter } from './page-run.js';
import type { Run } from './page-run.js';
import { mergeableRuns } from './run-tiers.js';

/** Rows, or groups that come, between two looks at what is held; fewer where little may be held. */
const LOOK_ROWS_MAX = 4096;
const LOOK_SHARE_BYTES = 512;
/** Groups written or read in one piece. */
const PIECE_GROUPS = 4096;
/** Entries are handed to a run in stretches of about so many bytes. */
const STRETCH_BYTES = 64 * 1024;
/** What a share is at least. */
const SHARE_BYTES_MIN = 16 * 1024;
/** Bytes that writing groups takes for each of them: its rank and its place in order. */
const ORDER_BYTES = 6;
/** Of the share: entries that are read at once, which become as many bytes of groups or more. */
const PAGE_SHARE = 1 / 8;
/** Of the share: a snapshot of more is not put together in memory. */
const SNAPSHOT_SHARE = 1 / 4;
/** Texts beyond that are more than one dictionary can have after its next growth. */
const TEXT_BYTES_MAX = 2 ** 30;

/** What is on disk now, and how often a part of it was read. */
interface PageFigures {
  readonly bytes: number;
  readonly entries: number;
  readonly pagesRead: number;
}

export interface PagedParts {
  readonly factory: GroupedStateFactory;
  readonly state: GroupedState;
  readonly merger: GroupMerger;
  readonly memory: StateMemory;
  /** So many groups were written or read. */
  readonly spend: (groups: number) => void;
}

export class PagedGroups {
  private readonly parts: PagedParts;
  private readonly folder: PageFolder;
  private readonly shareBytes: number;
  private readonly writer = new StateWriter();
  /** Oldest first: rows of a later one came later. */
  private runs: Run[] = [];
  private readonly lookRows: number;
  private rowsToLook: number;
  /** Of a state that has had no group, and since groups went out last. */
  private readonly baseBytes: number;
  private emptyBytes: number;
  private pagesRead = 0;

  constructor(parts: PagedParts) {
    this.parts = parts;
    this.folder = new PageFolder(parts.memory);
    this.shareBytes = Math.max(SHARE_BYTES_MIN, parts.memory.shareBytes);
    this.lookRows = Math.min(LOOK_ROWS_MAX, Math.ceil(this.shareBytes / LOOK_SHARE_BYTES));
    this.rowsToLook = this.lookRows;
    this.baseBytes = this.usedBytes();
    this.emptyBytes = this.baseBytes;
  }

  /** Some of the groups are on disk. */
  get isPaged(): boolean {
    return this.runs.length > 0;
  }

  /** A snapshot of now would be files; else it may be copied while rows go on. */
  get givesFiles(): boolean {
    return (
      this.isPaged || (this.folder.isNamed && this.usedBytes() >= this.shareBytes * SNAPSHOT_SHARE)
    );
  }

  figures(): PageFigures {
    const sum = (pick: (run: Run) => number): number =>
      this.runs.reduce((total, run) => total + pick(run), 0);
    return {
      bytes: sum(({ content }) => content.bytes),
      entries: sum(({ content }) => content.entries),
      pagesRead: this.pagesRead,
    };
  }

  /** After so many rows or groups: whether groups are to go out. */
  isDue(rows: number): boolean {
    this.rowsToLook -= rows;
    if (this.rowsToLook > 0) return false;
    this.rowsToLook = this.lookRows;
    const { shareBytes, baseBytes, emptyBytes } = this;
    const used = this.usedBytes();
    const isText = this.parts.factory.interner.dictionary.bytes.length >= TEXT_BYTES_MAX;
    return (used - baseBytes > shareBytes || isText) && used - emptyBytes > shareBytes / 8;
  }

  /** Writes all groups to a run, forgets them, and merges runs where there are many. */
  *pageOut(): Pieces {
    if (this.parts.state.liveCount > 0) yield* this.addRun();
    for (;;) {
      const count = mergeableRuns(this.runs.map(({ content }) => content.bytes));
      if (count === 0) return;
      yield* this.mergeNewest(count);
    }
  }

  /** A row for each group, those of one page after those of the page before; nothing is forgotten. */
  *emitPieces(results: ResultRows): Pieces {
    const { state } = this.parts;
    if (state.liveCount > 0) yield* this.addRun();
    for (const [from, to] of this.pages(this.runs)) {
      yield* this.load(this.runs, from, to);
      yield* state.emitPieces(results);
      results.flush();
      this.forget();
    }
    for (const run of this.runs) run.rest();
  }

  /** What is in memory goes out first, so that all of it is files: links, not copies, of them. */
  snapshot(writer: StateWriter): void {
    const { state } = this.parts;
    if (this.isPaged) {
      if (state.liveCount > 0) atOnce(this.addRun());
      for (const run of this.runs) handOver(run, writer);
      return;
    }
    if (!this.givesFiles) {
      state.snapshot(writer);
      return;
    }
    const run = new RunWriter(this.folder);
    atOnce(this.writeTo(run));
    const copy = run.finish();
    handOver(copy, writer);
    copy.remove();
  }

  /** Adds the groups of a snapshot, whose parts may be several of one group. */
  restore(reader: StateReader): void {
    const { state, merger } = this.parts;
    const { isMerged } = state;
    while (reader.nextEntry() >= 0) {
      merger.merge(reader, state);
      if (this.isDue(1)) atOnce(this.pageOut());
    }
    state.isMerged = isMerged;
  }

  private usedBytes(): number {
    const { state, factory } = this.parts;
    return state.usedBytes() + factory.interner.byteSize() + state.table.slotCount * ORDER_BYTES;
  }

  private *addRun(): Pieces {
    const run = new RunWriter(this.folder);
    yield* this.writeTo(run);
    this.forget();
    this.runs.push(run.finish());
  }

  private forget(): void {
    const { state, factory } = this.parts;
    state.empty();
    factory.forgetTexts();
    this.emptyBytes = this.usedBytes();
  }

  /** The groups in memory as entries, those of a rank together. */
  private *writeTo(run: RunWriter): Pieces {
    const { state } = this.parts;
    const { writer } = this;
    const order = yield* this.slotsByRank();
    let rank = -1;
    let entries = 0;
    const put = (): void => {
      if (entries > 0) run.put(writer.written(), entries);
      writer.clear();
      entries = 0;
    };
    for (let at = 0; at < order.slots.length; at += 1) {
      const slot = order.slots[at]!;
      const next = order.ranks[slot]!;
      if (next !== rank) {
        put();
        run.reach(next);
        rank = next;
      } else if (writer.byteCount >= STRETCH_BYTES) put();
      writer.beginEntry(rankOf(rank));
      state.writeGroup(writer, slot);
      writer.endEntry();
      entries += 1;
      if (at % PIECE_GROUPS === PIECE_GROUPS - 1) yield* this.spent(PIECE_GROUPS);
    }
    put();
  }

  /** The slots in the order of their ranks, and the rank of each slot. */
  private *slotsByRank(): Generator<
    void,
    { readonly slots: Int32Array; readonly ranks: Uint16Array },
    void
  > {
    const { state } = this.parts;
    const count = state.groupCount;
    const ranks = new Uint16Array(count);
    const ends = new Int32Array(KEY_GROUPS + 1);
    for (let slot = 0; slot < count; slot += 1) {
      const rank = rankOf(state.keyGroup(slot));
      ranks[slot] = rank;
      ends[rank + 1]! += 1;
      if (slot % PIECE_GROUPS === PIECE_GROUPS - 1) yield* this.spent(PIECE_GROUPS);
    }
    for (let rank = 1; rank <= KEY_GROUPS; rank += 1) ends[rank]! += ends[rank - 1]!;
    const slots = new Int32Array(count);
    for (let slot = 0; slot < count; slot += 1) {
      const rank = ranks[slot]!;
      slots[ends[rank]!] = slot;
      ends[rank]! += 1;
    }
    return { slots, ranks };
  }

  /** The newest runs become one, in their place; groups in memory are none now. */
  private *mergeNewest(count: number): Pieces {
    const merged = this.runs.slice(-count);
    const run = new RunWriter(this.folder);
    for (const [from, to] of this.pages(merged)) {
      yield* this.load(merged, from, to);
      yield* this.writeTo(run);
      this.forget();
    }
    this.runs = [...this.runs.slice(0, -count), run.finish()];
    for (const old of merged) old.remove();
  }

  /** Ranges of ranks whose entries are read at once: few bytes, or one rank. */
  private *pages(runs: readonly Run[]): Generator<readonly [number, number], void, void> {
    const bytesMax = this.shareBytes * PAGE_SHARE;
    const bytesOf = (from: number, to: number): number =>
      runs.reduce((sum, run) => sum + run.bytesOf(from, to), 0);
    for (let from = 0; from < KEY_GROUPS;) {
      let to = from + 1;
      while (to < KEY_GROUPS && bytesOf(from, to + 1) <= bytesMax) to += 1;
      if (bytesOf(from, to) > 0) yield [from, to];
      from = to;
    }
  }

  private *load(runs: readonly Run[], from: number, to: number): Pieces {
    const { state, merger } = this.parts;
    this.pagesRead += 1;
    for (const run of runs) {
      if (run.bytesOf(from, to) === 0) continue;
      const reader = new StateReader(run.read(from, to));
      let entries = 0;
      while (reader.nextEntry() >= 0) {
        merger.merge(reader, state);
        entries += 1;
        if (entries % PIECE_GROUPS === 0) yield* this.spent(PIECE_GROUPS);
      }
    }
  }

  private *spent(groups: number): Pieces {
    this.parts.spend(groups);
    yield;
  }
}

/** The file of a run, or its entries where it has no name to give. */
function handOver(run: Run, writer: StateWriter): void {
  const file = run.handOver();
  if (file !== null) writer.files.push(file);
  else writer.writeEntries(run.read(0, KEY_GROUPS));
  run.rest();
}

function atOnce(pieces: Pieces): void {
  while (pieces.next().done !== true);
}
