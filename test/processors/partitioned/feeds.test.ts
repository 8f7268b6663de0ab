/**
 * Feeds on one thread: what main hands on arrives once, in order and whole, whichever worker takes
 * it, with room for less than there is.
 */
import { describe, expect, it } from 'vitest';
import { BlockArena } from '../../../src/columnar/arena.js';
import { newBatch, emptyHeader } from '../../../src/columnar/batch.js';
import type { Batch } from '../../../src/columnar/batch.js';
import { MessageBlock } from '../../../src/connectors/kafka/blocks/message-block.js';
import type { MessageBlockView } from '../../../src/connectors/kafka/blocks/message-wire.js';
import {
  messageBlockBytes,
  readMessageBlock,
  writeMessageBlock,
} from '../../../src/connectors/kafka/blocks/message-wire.js';
import type { SourceBlocks } from '../../../src/connectors/fed-source.js';
import {
  COMMAND_PAUSE,
  COMMAND_RUN,
  JobControl,
} from '../../../src/processors/partitioned/control.js';
import { FEED_POSITION, FeedLaneReader } from '../../../src/processors/partitioned/feeds.js';
import { MainFeeder } from '../../../src/processors/partitioned/main/main-feeder.js';
import { Ring } from '../../../src/processors/partitioned/exchange/ring.js';

const PARTS = { keys: false, headers: false };
const MIB = 1 << 20;

/** A split that gives these values, one record a block, then waits or ends. */
function fakeSplit(values: readonly Uint8Array[], after: 'wait' | 'end'): unknown {
  let at = 0;
  let finished = 0;
  return {
    split: 3,
    next: (): MessageBlockView | 'wait' | 'end' => {
      const value = values[at];
      if (value === undefined) return after;
      const block = new MessageBlock(1, PARTS);
      block.append(
        { topic: 't', partition: 3, offset: at * 2, value, key: null, timestamp: at },
        value,
      );
      at += 1;
      return { split: 3, sequence: at - 1, block, nextOffset: at * 2 };
    },
    ready: () => new Promise(() => undefined),
    finishedThrough: (offset: number) => (finished = offset),
    finished: () => finished,
  };
}

class FakeDecoder {
  readonly values: Uint8Array[] = [];
  private readonly block = new MessageBlock(1, PARTS);

  decode(bytes: Uint8Array, at: number): Batch {
    readMessageBlock(bytes, at, this.block);
    this.values.push(this.block.rawRecord(0));
    const batch = newBatch([], emptyHeader('t'));
    batch.rowCount = 1;
    return batch;
  }
}

function feeds(
  values: readonly Uint8Array[],
  options: { readonly after: 'wait' | 'end'; readonly slots: number; readonly arenaBytes: number },
) {
  const control = new JobControl(new SharedArrayBuffer(JobControl.bytesFor(2)), 2);
  const ringMemory = new SharedArrayBuffer(Ring.bytesFor(options.slots));
  const arenaMemory = new SharedArrayBuffer(BlockArena.bytesFor(options.arenaBytes));
  const split = fakeSplit(values, options.after) as never;
  const source = {
    splits: [split],
    blockBytes: messageBlockBytes,
    writeBlock: writeMessageBlock,
  } as unknown as SourceBlocks;
  const feeder = new MainFeeder({
    source,
    lanes: [{ split, ring: new Ring(ringMemory) }],
    arena: new BlockArena(arenaMemory),
    control,
  });
  const worker = (): { reader: FeedLaneReader; decoder: FakeDecoder } => {
    const decoder = new FakeDecoder();
    const reader = new FeedLaneReader({
      ring: new Ring(ringMemory),
      arena: new BlockArena(arenaMemory),
      decoder,
      idleTimeoutMs: 0,
      wakeFeeder: () => control.wakeMain(),
    });
    return { reader, decoder };
  };
  control.order(COMMAND_RUN);
  return { control, feeder, workers: [worker(), worker(), worker()] };
}

const text = (value: Uint8Array): string => new TextDecoder().decode(value);
const numbered = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, at) => new TextEncoder().encode(`record ${at}`));

describe('feeds', () => {
  it.each([1, 2, 8])('hand every block to one of the workers, in order, over %i slots', (slots) => {
    const values = numbered(100);
    const { feeder, workers } = feeds(values, { after: 'end', slots, arenaBytes: 64 * 1024 });
    const cells = new Float64Array(8);
    const seen: string[] = [];
    let ended = false;
    // A fixed but uneven order of workers, several claims in a row included.
    for (let step = 0; !ended && step < 10_000; step += 1) {
      if (step % 3 !== 1) feeder.feed();
      const worker = workers[(step * step + (step >> 2)) % 3]!;
      const claimed = worker.reader.claim(cells);
      if (claimed === 'end') ended = true;
      if (claimed !== 'block') continue;
      worker.reader.read();
      seen.push(text(worker.decoder.values.at(-1) as Uint8Array));
      expect(cells[FEED_POSITION]).toBe(seen.length * 2);
    }
    expect(ended).toBe(true);
    expect(seen).toEqual(values.map(text));
    expect(workers.map(({ decoder }) => decoder.values.length).every((count) => count > 0)).toBe(
      true,
    );
    expect(workers.reduce((sum, { reader }) => sum + reader.rowsRead(), 0)).toBe(100);
    expect(workers[0]!.reader.position(cells)).toBe('200');
  });

  it('hold a block back while the arena has no room, and give it then', () => {
    const values = [...Array(12).keys()].map((fill) => new Uint8Array(12_000).fill(fill));
    const { feeder, workers } = feeds(values, { after: 'wait', slots: 16, arenaBytes: 64 * 1024 });
    const cells = new Float64Array(8);
    let handed = 0;
    while (feeder.feed()) handed += 1;
    expect(handed).toBeGreaterThan(0);
    expect(handed).toBeLessThan(values.length);
    const [{ reader, decoder }] = workers as [(typeof workers)[0]];
    while (decoder.values.length < values.length) {
      expect(reader.claim(cells)).toBe('block');
      reader.read();
      feeder.feed();
    }
    expect(decoder.values).toEqual(values);
    expect(reader.claim(cells)).toBe('wait');
  });

  it('take back what nobody has begun with, of the splits that go', () => {
    const values = [...Array(12).keys()].map((fill) => new Uint8Array(12_000).fill(fill));
    const { feeder, workers } = feeds(values, { after: 'wait', slots: 16, arenaBytes: 64 * 1024 });
    const cells = new Float64Array(8);
    const [{ reader, decoder }] = workers as [(typeof workers)[0]];
    let handed = 0;
    while (feeder.feed()) handed += 1;
    expect(reader.claim(cells)).toBe('block');
    reader.read();
    feeder.withdraw([2]);
    expect(reader.claim(cells)).toBe('block');
    feeder.withdraw([3]);
    expect(reader.claim(cells)).toBe('wait');
    expect(cells[FEED_POSITION]).toBe(4);
    // The block that was claimed stays readable, and the others' room is free again.
    reader.read();
    expect(decoder.values.at(-1)).toEqual(values[1]);
    while (feeder.feed()) {
      expect(reader.claim(cells)).toBe('block');
      reader.read();
    }
    // Another had been taken from the split and had found no room.
    expect(decoder.values.slice(2)).toEqual(values.slice(handed + 1));
    expect(decoder.values.length).toBeGreaterThan(2);
  });

  it('take a record of 16 MiB', () => {
    const large = new Uint8Array(16 * MIB).map((_, at) => at * 31);
    const { feeder, workers } = feeds([large], { after: 'end', slots: 2, arenaBytes: 128 * MIB });
    feeder.feed();
    const [{ reader, decoder }] = workers as [(typeof workers)[0]];
    expect(reader.claim(new Float64Array(8))).toBe('block');
    reader.read();
    expect(Buffer.compare(decoder.values[0] as Uint8Array, large)).toBe(0);
  });

  it('say so where a block is larger than any memory for it', () => {
    const { feeder } = feeds([new Uint8Array(100_000)], {
      after: 'end',
      slots: 2,
      arenaBytes: 64 * 1024,
    });
    expect(() => feeder.feed()).toThrow(
      expect.objectContaining({ code: 'VELO_RECORD_TOO_LARGE' }) as Error,
    );
  });

  it('read nothing while the job is paused', () => {
    const { control, feeder, workers } = feeds(numbered(2), {
      after: 'end',
      slots: 8,
      arenaBytes: 64 * 1024,
    });
    control.order(COMMAND_PAUSE);
    expect(feeder.feed()).toBe(false);
    expect(workers[0]!.reader.claim(new Float64Array(8))).toBe('wait');
    control.order(COMMAND_RUN);
    expect(feeder.feed()).toBe(true);
  });
});
