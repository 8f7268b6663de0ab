/**
 * The Kafka source for one reader: each partition of the topic is a split whose blocks are decoded
 * as they are handed out. Blocks are block-source.ts, batches block-decoder.ts. A position is the
 * offset of the next record.
 *
 * A record without a value (a tombstone) is no row, as in Flink; how many there were is said when
 * the source closes. With a group id, commit() commits what the splits were told is finished.
 */
import type { NextBatch, ReadProgress, Source, SourceRequest, SplitReader } from '../source.js';
import { decoderParts, SplitDecoder } from './block-decoder.js';
import type { DecoderParts } from './block-decoder.js';
import type { KafkaSplitBlocks } from './blocks/blocks.js';
import { follow } from './blocks/growing-splits.js';
import { openBlocks } from './open-blocks.js';
import { extentOf } from './prepare-topic.js';

/** Throws as openBlocks does. */
export async function openKafkaSource(request: SourceRequest): Promise<Source> {
  const parts = await decoderParts(request);
  const blocks = await openBlocks(request, { grows: true });
  const splits: KafkaSplit[] = [];
  return {
    bounded: blocks.bounded,
    get splits() {
      return follow(blocks.splits, splits, (split) => new KafkaSplit(split, parts));
    },
    commit: () => blocks.commit(),
    hurry: () => {
      blocks.hurry();
    },
    settleWith: (settle) => blocks.settleWith?.(settle),
    close: () => blocks.close(),
  };
}

class KafkaSplit implements SplitReader {
  readonly split: number;
  readonly sourceName: string;
  private readonly blocks: KafkaSplitBlocks;
  private readonly decoder: SplitDecoder;

  constructor(blocks: KafkaSplitBlocks, parts: DecoderParts) {
    this.split = blocks.split;
    this.sourceName = blocks.topic;
    this.blocks = blocks;
    this.decoder = new SplitDecoder(parts, blocks);
  }

  next(): NextBatch {
    const view = this.blocks.next();
    if (typeof view === 'string') return view;
    return this.decoder.decode(view.block, view.sequence);
  }

  ready(): Promise<void> {
    return this.blocks.ready();
  }

  position(): string {
    return this.blocks.position();
  }

  seek(position: string): void {
    this.blocks.seek(position);
  }

  finished(position: string): void {
    this.blocks.finishedThrough(Number(position));
  }

  progress(): ReadProgress | null {
    const extent = extentOf(this.blocks.range);
    if (extent === null) return null;
    const { start, end } = extent;
    return { done: Number(this.blocks.position()) - start, total: end - start };
  }

  lag(): number | null {
    return this.blocks.lag();
  }

  rowsRead(): number {
    return this.blocks.rowsRead();
  }
}
