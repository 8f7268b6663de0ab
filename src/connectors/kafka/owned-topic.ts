/**
 * A worker's share of a topic: blocks of the partitions that it owns, found first and decoded in
 * its turn. Blocks come by block-source.ts, batches of block-decoder.ts; commits are main's.
 */
import type { Batch } from '../../columnar/batch.js';
import type { OwnedSource, OwnedSplit } from '../owned-source.js';
import type { SourceRequest } from '../source.js';
import { decoderParts, SplitDecoder } from './block-decoder.js';
import type { DecoderParts } from './block-decoder.js';

import type { KafkaSplitBlocks } from './blocks/blocks.js';
import type { MessageBlockView } from './blocks/message-wire.js';
import { openBlocks } from './open-blocks.js';

/** Throws as openBlocks does. */
export async function openOwnedKafkaSource(request: SourceRequest): Promise<OwnedSource> {
  const parts = await decoderParts(request);
  const blocks = await openBlocks(request, { grows: false });
  return {
    splits: blocks.splits.map((split) => new OwnedKafkaSplit(split, parts)),
    close: () => blocks.close(),
  };
}

class OwnedKafkaSplit implements OwnedSplit {
  readonly split: number;
  private readonly blocks: KafkaSplitBlocks;
  private readonly decoder: SplitDecoder;
  private found: MessageBlockView | null = null;

  constructor(blocks: KafkaSplitBlocks, parts: DecoderParts) {
    this.split = blocks.split;
    this.blocks = blocks;
    this.decoder = new SplitDecoder(parts, blocks);
  }

  find(): 'block' | 'wait' | 'end' {
    const next = this.blocks.next();
    this.found = typeof next === 'string' ? null : next;
    return typeof next === 'string' ? next : 'block';
  }

  get nextPosition(): number {
    return this.block().nextOffset;
  }

  read(): Batch {
    const { block, sequence } = this.block();
    return this.decoder.decode(block, sequence);
  }

  ready(): Promise<void> {
    return this.blocks.ready();
  }

  lag(): number | null {
    return this.blocks.lag();
  }

  position(): string {
    return this.blocks.position();
  }

  seek(position: string): void {
    this.blocks.seek(position);
  }

  private block(): MessageBlockView {
    if (this.found === null) throw new Error('no block was found');
    return this.found;
  }
}
