/**
 * A topic that the members of a group share: a split for every partition, which has blocks while
 * the partition is ours. Owns what a rebalance means for reading; rdkafka-membership.ts talks to the group,
 * and each assignment is read through blocks of its own, whichever way those fetch.
 *
 *   assigned   opened at the group's offsets
 *   revoked    no further block; what was handed out is finished (settle), its offsets are committed
 *              and the partition goes. Partitions that stay are opened anew where they stand.
 *
 * A query with state that would be lost with a partition needs the whole topic ('whole'): it reads
 * only while it owns every partition, keeps its place when one is taken away, and gives up when it
 * does not come back. Others that join the group meanwhile see that they do not get everything, and
 * leave. It commits at its end alone: what its state was made of must be read again after a crash.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../base/clock.js';
import { ConnectorError } from '../../base/errors.js';
import type { PartitionRange } from '../source.js';
import type { KafkaBlocks, KafkaSplitBlocks, Settle } from './blocks/blocks.js';
import { joinGroup } from './librdkafka/rdkafka-membership.js';
import type { Membership } from './librdkafka/rdkafka-membership.js';
import type { MessageBlockView } from './blocks/message-wire.js';
import type { KafkaReadOptions } from './settings/table-options.js';

/** How long a query that needs every partition waits for one that was taken away. */
const WHOLE_AGAIN_MS = 30_000;
const COMMIT_EVERY_MS = 5_000;
/** How long a partition waits to be given back, before whoever gets it reads again. */
const SETTLE_MAX_MS = 45_000;

export type GroupPolicy = 'shared' | 'whole';

export interface GroupBlocksParts {
  readonly options: KafkaReadOptions & { readonly groupId: string };
  readonly policy: GroupPolicy;
  /** Reads these partitions (null: all), where given from these offsets, else the group's. */
  readonly open: (
    partitions: readonly number[] | null,
    ranges: readonly PartitionRange[] | null,
  ) => Promise<KafkaBlocks>;
  readonly clock: Clock;
  readonly notice: (line: string) => void;
}

/** Finds the topic and joins the group; partitions come when the group gives them. */
export async function openGroupBlocks(parts: GroupBlocksParts): Promise<GroupBlocks> {
  const all = await parts.open(null, null);
  await all.close();
  const blocks = new GroupBlocks(parts, all);
  blocks.member = await joinGroup(parts.options, blocks, parts);
  return blocks;
}

export class GroupBlocks implements KafkaBlocks {
  readonly bounded = false;
  readonly topic: string;
  readonly path: KafkaBlocks['path'];
  readonly splits: readonly GroupSplit[];
  member: Membership | null = null;
  private readonly parts: GroupBlocksParts;
  private readonly owned = new Set<number>();
  private readonly opened = new Set<KafkaBlocks>();
  /** Partitions that the topic has got since it was opened. */
  private readonly added = new Set<number>();
  private settle: Settle = () => Promise.resolve();
  /** Changes of the assignment are followed one after the other. */
  private changing: Promise<void> = Promise.resolve();
  private wasWhole = false;
  private wholeTimer: NodeJS.Timeout | undefined;
  private commitTimer: NodeJS.Timeout | undefined;
  private closing = false;
  private endWaits: () => void = () => undefined;
  private readonly closed: Promise<false>;

  constructor(parts: GroupBlocksParts, all: KafkaBlocks) {
    this.parts = parts;
    this.topic = all.topic;
    this.path = all.path;
    this.splits = all.splits.map(({ split, range }) => new GroupSplit(split, this.topic, range));
    this.closed = new Promise((resolve) => {
      this.endWaits = () => {
        resolve(false);
      };
    });
    if (parts.policy === 'shared') this.commitSoon();
  }

  /** How everything that was handed out gets finished: by whoever reads. */
  settleWith(settle: Settle): void {
    this.settle = settle;
  }

  /** Commits what is finished of the partitions that are ours. */
  async commit(): Promise<void> {
    const finished = this.splits.filter(({ split }) => this.owned.has(split));
    await this.member?.commit(offsetsOf(finished));
  }

  hurry(): void {
    this.member?.hurry();
    for (const blocks of this.opened) blocks.hurry();
  }

  async close(): Promise<void> {
    this.closing = true;
    this.endWaits();
    clearTimeout(this.commitTimer);
    clearTimeout(this.wholeTimer);
    await this.changing;
    await this.member?.leave();
    for (const blocks of this.opened) await blocks.close();
  }

  /** Of the group: these are ours as well. */
  assigned(partitions: readonly number[]): void {
    const known = partitions.filter((partition) =>
      this.splits.some(({ split }) => split === partition),
    );
    this.sayAdded(partitions.filter((partition) => !known.includes(partition)));
    for (const partition of known) this.owned.add(partition);
    this.changing = this.changing
      .then(() => this.take(known))
      .catch((error: unknown) => {
        this.fail(error);
      });
  }

  /** Of the group: these are to be given back; null: they could not be finished in time. */
  async revoked(partitions: readonly number[]): Promise<ReadonlyMap<number, number> | null> {
    await this.changing;
    const going = this.splits.filter(({ split }) => partitions.includes(split));
    // A query that needs everything reads on nowhere without them.
    const stopping = this.parts.policy === 'whole' ? this.splits : going;
    for (const split of stopping) split.pause();
    const offsets = this.parts.policy === 'whole' ? new Map() : await this.settled(going);
    for (const partition of partitions) this.owned.delete(partition);
    await this.closeParts(new Set(stopping.map(({ split }) => split)));
    if (this.parts.policy === 'whole' && this.wasWhole) this.expectAllBack();
    return offsets;
  }

  /** Of the group: it cannot be followed any more. */
  failed(error: ConnectorError): void {
    this.fail(error);
  }

  private async take(partitions: readonly number[]): Promise<void> {
    if (this.closing || partitions.length === 0) return;
    const { policy } = this.parts;
    if (policy === 'shared') {
      await this.openParts(partitions, null);
      return;
    }
    if (this.owned.size < this.splits.length) {
      if (!this.wasWhole) throw this.notWhole();
      return;
    }
    clearTimeout(this.wholeTimer);
    const all = this.splits.map(({ split }) => split);
    const ranges = this.wasWhole ? this.splits.map((split) => split.rest()) : null;
    this.wasWhole = true;
    await this.openParts(all, ranges);
  }

  /** Once of each: whoever reads has the splits of the opening. */
  private sayAdded(partitions: readonly number[]): void {
    const added = partitions.filter((partition) => !this.added.has(partition));
    if (added.length === 0) return;
    for (const partition of added) this.added.add(partition);
    this.parts.notice(
      `topic "${this.topic}" has new partitions (${added.join(', ')}): ` +
        'they are read when the job is started again',
    );
  }

  private async openParts(
    partitions: readonly number[],
    ranges: readonly PartitionRange[] | null,
  ): Promise<void> {
    const blocks = await this.parts.open(partitions, ranges);
    this.opened.add(blocks);
    for (const inner of blocks.splits) {
      if (!this.owned.has(inner.split)) continue;
      this.splitOf(inner.split).attach(inner, ranges !== null);
    }
  }

  /** Closes the blocks of these partitions; others that were read with them are opened anew. */
  private async closeParts(gone: ReadonlySet<number>): Promise<void> {
    for (const blocks of [...this.opened]) {
      if (!blocks.splits.some(({ split }) => gone.has(split))) continue;
      const staying = blocks.splits
        .filter(({ split }) => !gone.has(split) && this.owned.has(split))
        .map(({ split }) => this.splitOf(split));
      for (const split of staying) split.pause();
      this.opened.delete(blocks);
      await blocks.close();
      if (staying.length === 0) continue;
      await this.openParts(
        staying.map(({ split }) => split),
        staying.map((split) => split.rest()),
      );
    }
  }

  private expectAllBack(): void {
    clearTimeout(this.wholeTimer);
    this.wholeTimer = setTimeout(() => {
      this.fail(this.notWhole());
    }, WHOLE_AGAIN_MS);
    this.wholeTimer.unref();
  }

  private notWhole(): ConnectorError {
    const { groupId, topic, label } = this.parts.options;
    return new ConnectorError('KAFKA_GROUP_SHARED', {
      message: `group "${groupId}" gives ${label} ${this.owned.size} of the ${this.splits.length} partitions of topic "${topic}"`,
      detail:
        'the group has other members, and this query keeps state that would be lost with a partition',
      hint: "run it in a group of its own: another 'properties.group.id'",
    });
  }

  /** Offsets of these splits once everything that was handed out of them is finished. */
  private async settled(
    splits: readonly GroupSplit[],
  ): Promise<ReadonlyMap<number, number> | null> {
    const inTime = await Promise.race([
      this.settle(splits.map(({ split }) => split)).then(() => true),
      delay(SETTLE_MAX_MS, false, { ref: false }),
      this.closed,
    ]);
    // What was finished by the end was committed then.
    if (this.closing) return new Map();
    return inTime ? offsetsOf(splits) : null;
  }

  private commitSoon(): void {
    this.commitTimer = setTimeout(() => {
      void this.commitSettled().then(() => {
        if (!this.closing) this.commitSoon();
      });
    }, COMMIT_EVERY_MS);
    this.commitTimer.unref();
  }

  private async commitSettled(): Promise<void> {
    const moved = this.splits.filter((split) => split.moved);
    if (moved.length === 0) return;
    for (const split of moved) split.moved = false;
    try {
      // What is handed out meanwhile is of the next time.
      const handedOut = moved.map((split) => Number(split.position()));
      await this.settle([]);
      const offsets = offsetsOf(moved);
      moved.forEach((split, at) => {
        const finished = offsets.get(split.split);
        if (finished === undefined) return;
        offsets.set(split.split, Math.min(finished, handedOut[at] ?? finished));
        if (split.unfinished) split.moved = true;
      });
      await this.member?.commit(offsets);
    } catch (error) {
      this.fail(error);
    }
  }

  private splitOf(partition: number): GroupSplit {
    const found = this.splits.find(({ split }) => split === partition);
    if (found !== undefined) return found;
    throw new ConnectorError('KAFKA', {
      message: `partition ${partition} was added to topic "${this.topic}" while it was read`,
      hint: 'start the job again to read it',
    });
  }

  private fail(error: unknown): void {
    const failure = error instanceof Error ? error : new Error(String(error));
    for (const split of this.splits) split.fail(failure);
  }
}

function offsetsOf(splits: readonly GroupSplit[]): Map<number, number> {
  const offsets = new Map<number, number>();
  for (const split of splits) {
    const offset = split.finishedTo();
    if (offset !== null) offsets.set(split.split, offset);
  }
  return offsets;
}

/** One partition, ours or not. */
export class GroupSplit implements KafkaSplitBlocks {
  readonly split: number;
  readonly topic: string;
  readonly range: PartitionRange;
  /** Something was handed out since the last commit. */
  moved = false;
  private inner: KafkaSplitBlocks | null = null;
  /** Whose ready() tells us. */
  private followed: KafkaSplitBlocks | null = null;
  private failure: Error | null = null;
  private sequence = 0;
  private rows = 0;
  private handedTo = Number.NEGATIVE_INFINITY;
  private through = Number.NEGATIVE_INFINITY;
  /** Offset of the next record, of a partition that was ours. */
  private place: number | null = null;
  private changed: (() => void) | null = null;
  private change: Promise<void> | null = null;

  constructor(split: number, topic: string, range: PartitionRange) {
    this.split = split;
    this.topic = topic;
    this.range = range;
  }

  next(): MessageBlockView | 'wait' | 'end' {
    if (this.failure !== null) throw this.failure;
    if (this.inner === null) return 'wait';
    const view = this.inner.next();
    if (typeof view === 'string') return view;
    this.handedTo = view.nextOffset;
    this.moved = true;
    this.rows += view.block.rowCount;
    const { sequence } = this;
    this.sequence += 1;
    return { ...view, sequence };
  }

  ready(): Promise<void> {
    if (this.failure !== null) return Promise.resolve();
    this.change ??= new Promise((resolve) => {
      this.changed = resolve;
    });
    if (this.inner !== null && this.followed !== this.inner) this.follow(this.inner);
    return this.change;
  }

  /** One reaction to its ready(), however often it is waited for. */
  private follow(inner: KafkaSplitBlocks): void {
    this.followed = inner;
    const settle = (): void => {
      if (this.followed === inner) this.followed = null;
      this.signal();
    };
    inner.ready().then(settle, (error: unknown) => {
      if (this.inner === inner)
        this.failure ??= error instanceof Error ? error : new Error(String(error));
      settle();
    });
  }

  position(): string {
    return this.inner?.position() ?? String(this.place ?? this.range.start);
  }

  seek(): void {
    throw new ConnectorError('KAFKA', {
      message: `partition ${this.split} is read where its group says`,
      hint: "leave 'properties.group.id' away, or name a 'scan.startup.mode'",
    });
  }

  rowsRead(): number {
    return this.rows;
  }

  /** A partition that others read is theirs to catch up with. */
  lag(): number | null {
    return this.inner === null ? 0 : this.inner.lag();
  }

  finishedThrough(nextOffset: number): void {
    this.through = Math.max(this.through, nextOffset);
  }

  /** Something was handed out that is not finished. */
  get unfinished(): boolean {
    return this.through < this.handedTo;
  }

  /** What may be committed; null when nothing was read. */
  finishedTo(): number | null {
    if (this.handedTo === Number.NEGATIVE_INFINITY) return null;
    return this.unfinished ? this.through : Number(this.position());
  }

  /** `continues`: from where this split stood; else another owner may have read on since. */
  attach(inner: KafkaSplitBlocks, continues: boolean): void {
    this.inner = inner;
    if (!continues) {
      this.handedTo = Number.NEGATIVE_INFINITY;
      this.through = Number(inner.position());
    }
    this.signal();
  }

  /** No further block; the place is kept. */
  pause(): void {
    if (this.inner === null) return;
    this.place = Number(this.inner.position());
    this.inner = null;
    this.signal();
  }

  /** What is left to read from the place that was kept. */
  rest(): PartitionRange {
    return {
      partition: this.split,
      start: Number(this.position()),
      stop: Number.POSITIVE_INFINITY,
    };
  }

  fail(error: Error): void {
    this.failure ??= error;
    this.signal();
  }

  private signal(): void {
    const { changed } = this;
    this.changed = null;
    this.change = null;
    changed?.();
  }
}
