/**
 * Several topics as one source: the blocks of each, whose splits are numbered through. Owns the
 * numbers, topics that are added while a read without end runs, and that lines which all topics say
 * are said once; how one topic is read is not its business, and which there are is topic-set.ts's.
 *
 *   split = topic × SPLIT_SPAN + partition, topics in the order in which they were found
 */
import { partitionOfSplit, SPLIT_SPAN } from '../../../columnar/record-place.js';
import type { Clock } from '../../../base/clock.js';
import type { PartitionRange } from '../../source.js';
import type { KafkaBlocks, KafkaSplitBlocks, Settle } from './blocks.js';
import { follow } from './growing-splits.js';
import type { MessageBlockView } from './message-wire.js';

/** The same line of another topic within this time is the same event. */
const SAME_LINE_MS = 2_000;

/** What a worker's share of the splits is in one topic. */
export interface TopicShare {
  readonly topic: string;
  readonly index: number;
  /** Its partitions and their ranges; null: all, as the options say. */
  readonly partitions: readonly number[] | null;
  readonly ranges: readonly PartitionRange[] | null;
}

/** Of all topics; of those splits, and of the topics they are of. */
export function topicShares(
  topics: readonly string[],
  splits: readonly number[] | null,
  ranges: readonly PartitionRange[] | null,
): readonly TopicShare[] {
  const shares = topics.map((topic, index): TopicShare => {
    const isOwn = (split: number): boolean => Math.floor(split / SPLIT_SPAN) === index;
    return {
      topic,
      index,
      partitions: splits?.filter(isOwn).map(partitionOfSplit) ?? null,
      ranges:
        ranges
          ?.filter(({ partition }) => isOwn(partition))
          .map((range) => ({ ...range, partition: partitionOfSplit(range.partition) })) ?? null,
    };
  });
  return splits === null ? shares : shares.filter(({ partitions }) => partitions?.length !== 0);
}

/** Looks for topics that are added; null where they are all that will be read. */
export interface TopicDiscovery {
  readonly intervalMs: number;
  /** Those that are read, and then some. */
  readonly topics: readonly string[];
  /** All that there are now. */
  names(): Promise<readonly string[]>;
  /** Reads a new one from its beginning; null: new ones are only told of. */
  readonly open: ((topic: string) => Promise<KafkaBlocks>) | null;
  readonly notice: (line: string) => void;
  /** What messages call the topics: the pattern. */
  readonly label: string;
}

export interface JoinedFacts {
  readonly bounded: boolean;
  readonly label: string;
  readonly discovery: TopicDiscovery | null;
}

interface JoinedPart {
  readonly index: number;
  readonly blocks: KafkaBlocks;
  readonly wrapped: TopicSplit[];
}

export class JoinedTopics implements KafkaBlocks {
  readonly bounded: boolean;
  readonly topic: string;
  readonly path: KafkaBlocks['path'];
  readonly settleWith?: (settle: Settle) => void;
  private readonly parts: JoinedPart[];
  /** In the order in which they came: what follows them goes by it. */
  private readonly known: TopicSplit[] = [];
  private readonly discovery: TopicDiscovery | null;
  private readonly topics: string[];
  private readonly timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | null = null;
  private said = '';
  private closing = false;

  constructor(parts: readonly { index: number; blocks: KafkaBlocks }[], facts: JoinedFacts) {
    this.bounded = facts.bounded;
    this.topic = facts.label;
    this.parts = parts.map((part) => ({ ...part, wrapped: [] }));
    const isColumnar = parts.every(({ blocks }) => blocks.path === 'columnar');
    this.path = isColumnar ? 'columnar' : 'librdkafka';
    if (parts.some(({ blocks }) => blocks.settleWith !== undefined)) {
      this.settleWith = (settle) => {
        for (const { blocks, index } of this.parts) {
          blocks.settleWith?.((going) => settle(going.map((at) => splitOf(index, at))));
        }
      };
    }
    this.discovery = facts.discovery;
    this.topics = [...(facts.discovery?.topics ?? [])];
    if (facts.discovery !== null) {
      this.timer = setInterval(() => {
        this.looking ??= this.look().finally(() => {
          this.looking = null;
        });
      }, facts.discovery.intervalMs);
      this.timer.unref();
    }
  }

  get splits(): readonly TopicSplit[] {
    for (const { blocks, index, wrapped } of this.parts) {
      follow(blocks.splits, wrapped, (split) => {
        const one = new TopicSplit(split, index, this.discovery?.open != null);
        this.known.push(one);
        return one;
      });
    }
    return this.known;
  }

  async commit(): Promise<void> {
    for (const { blocks } of this.parts) await blocks.commit();
  }

  hurry(): void {
    for (const { blocks } of this.parts) blocks.hurry();
  }

  async close(): Promise<void> {
    this.closing = true;
    clearInterval(this.timer);
    await this.looking;
    await closeAll(this.parts.map(({ blocks }) => blocks));
  }

  /** Topics of the pattern that were not there before. */
  private async look(): Promise<void> {
    const { discovery, topics } = this;
    if (discovery === null) return;
    try {
      const names = await discovery.names();
      for (const name of names.filter((each) => !topics.includes(each))) {
        if (this.closing) return;
        await this.add(name, discovery);
      }
      this.said = '';
    } catch (error) {
      // It is tried again: what is read goes on meanwhile.
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== this.said) {
        discovery.notice(`new topics of ${discovery.label} cannot be looked for: ${reason}`);
      }
      this.said = reason;
    }
  }

  private async add(name: string, { open, notice, label }: TopicDiscovery): Promise<void> {
    if (open === null) {
      this.topics.push(name);
      notice(`${label} has a new topic "${name}": it is read when the job is started again`);
      return;
    }
    const blocks = await open(name);
    if (this.closing) {
      await blocks.close();
      return;
    }
    this.parts.push({ index: this.topics.length, blocks, wrapped: [] });
    this.topics.push(name);
    notice(`${label} has a new topic "${name}": it is read from its beginning`);
    for (const split of this.known) split.signal();
  }
}

/** A split of one topic under its number among all. */
class TopicSplit implements KafkaSplitBlocks {
  readonly split: number;
  readonly topic: string;
  private readonly inner: KafkaSplitBlocks;
  private readonly grows: boolean;
  private following = false;
  private change: Promise<void> | null = null;
  private changed: (() => void) | null = null;

  constructor(inner: KafkaSplitBlocks, index: number, grows: boolean) {
    this.inner = inner;
    this.grows = grows;
    this.split = splitOf(index, inner.split);
    this.topic = inner.topic;
  }

  get range(): PartitionRange {
    return { ...this.inner.range, partition: this.split };
  }

  next(): MessageBlockView | 'wait' | 'end' {
    const view = this.inner.next();
    return typeof view === 'string' ? view : { ...view, split: this.split };
  }

  /** Where topics may be added it resolves then, too. */
  ready(): Promise<void> {
    if (!this.grows) return this.inner.ready();
    this.change ??= new Promise((resolve) => {
      this.changed = resolve;
    });
    const { change } = this;
    if (!this.following) {
      this.following = true;
      const settle = (): void => {
        this.following = false;
        this.signal();
      };
      // What it fails with is thrown by next().
      this.inner.ready().then(settle, settle);
    }
    return change;
  }

  signal(): void {
    const { changed } = this;
    this.changed = null;
    this.change = null;
    changed?.();
  }

  position(): string {
    return this.inner.position();
  }

  seek(position: string): void {
    this.inner.seek(position);
  }

  rowsRead(): number {
    return this.inner.rowsRead();
  }

  lag(): number | null {
    return this.inner.lag();
  }

  finishedThrough(nextOffset: number): void {
    this.inner.finishedThrough(nextOffset);
  }
}

function splitOf(index: number, partition: number): number {
  return index * SPLIT_SPAN + partition;
}

/** Closes all, whatever becomes of one; throws the first failure. */
export async function closeAll(all: readonly { close(): Promise<void> }[]): Promise<void> {
  const closed = await Promise.allSettled(all.map((one) => one.close()));
  for (const outcome of closed) if (outcome.status === 'rejected') throw outcome.reason;
}

/** What all topics say at once, of brokers that go away for one, is said once. */
export function saidOnce(notice: (line: string) => void, clock: Clock): (line: string) => void {
  const saidAtMs = new Map<string, number>();
  return (line) => {
    const nowMs = clock.monotonicNs() / 1e6;
    const last = saidAtMs.get(line) ?? Number.NEGATIVE_INFINITY;
    for (const [old, atMs] of saidAtMs) if (nowMs - atMs > SAME_LINE_MS) saidAtMs.delete(old);
    if (nowMs - last <= SAME_LINE_MS) return;
    saidAtMs.set(line, nowMs);
    notice(line);
  };
}
