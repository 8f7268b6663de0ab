/**
 * A topic as main sees it on V2: its splits, who reads them, and blocks that stay open, to be handed
 * on or committed. Owns the choice between 'owned' (workers fetch the splits themselves) and 'fed'
 * (main fetches, because librdkafka does or a group gives and takes partitions).
 */
import type { PreparedSource } from '../connector.js';
import type { FedSplit, SourceBlocks } from '../fed-source.js';
import type { SplitExtent } from '../shared-split.js';
import type { PartitionRange, SourceRequest } from '../source.js';
import type { KafkaBlocks } from './blocks/blocks.js';
import { messageBlockBytes, writeMessageBlock } from './blocks/message-wire.js';
import type { MessageBlockView } from './blocks/message-wire.js';
import { openBlocks } from './open-blocks.js';

/** Throws as openBlocks does. */
export async function prepareTopic(request: SourceRequest): Promise<PreparedSource> {
  const blocks = await openBlocks(request, { grows: false });
  const splits = blocks.splits.map(({ split, topic, range }) => ({
    split,
    sourceName: topic,
    extent: extentOf(range),
  }));
  // What a member of a group has changes; a worker's lanes do not.
  const joined = blocks.settleWith !== undefined;
  const reading = blocks.path === 'columnar' && !joined ? 'owned' : 'fed';
  const rest = { shared: [], lease: null };
  return { ...rest, reading, splits, blocks: new TopicBlocks(blocks) };
}

/** Offsets of a partition that is read to an end. */
export function extentOf({ start, stop }: PartitionRange): SplitExtent | null {
  return Number.isFinite(stop) ? { start, end: stop } : null;
}

class TopicBlocks implements SourceBlocks {
  readonly settleWith?: NonNullable<SourceBlocks['settleWith']>;
  private readonly blocks: KafkaBlocks;

  constructor(blocks: KafkaBlocks) {
    this.blocks = blocks;
    if (blocks.settleWith !== undefined) {
      this.settleWith = (settle) => blocks.settleWith?.(settle);
    }
  }

  get splits(): readonly FedSplit[] {
    return this.blocks.splits;
  }

  // Views of these splits come from nowhere else.
  blockBytes(view: MessageBlockView): number {
    return messageBlockBytes(view);
  }

  writeBlock(view: MessageBlockView, target: Uint8Array, at: number): void {
    writeMessageBlock(view, target, at);
  }

  commit(): Promise<void> {
    return this.blocks.commit();
  }

  hurry(): void {
    this.blocks.hurry();
  }

  close(): Promise<void> {
    return this.blocks.close();
  }
}
