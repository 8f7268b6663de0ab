/** The watermark of an edge against the watermark operator that sees everything itself. */
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../src/columnar/batch.js';
import { emptyHeader } from '../../src/columnar/batch.js';
import { TIMESTAMP } from '../../src/columnar/types.js';
import type { PipelineNode, WatermarkNode } from '../../src/plan/pipeline/pipeline-plan.js';
import { EdgeWatermark } from '../../src/runtime/edge-watermark.js';
import { WatermarkOperator } from '../../src/runtime/operators/watermark.js';
import { StateReader, StateWriter } from '../../src/state/snapshot.js';
import { PrefixChain } from './exchange-support.js';
import {
  batchOf,
  RecordingContext,
  restoreInto,
  seededRandom,
  snapshotOf,
} from './stream-support.js';

const scan = { kind: 'scan', id: 'scan' } as unknown as PipelineNode;

function watermarkNode(boundMs: number): WatermarkNode {
  return {
    kind: 'watermark',
    id: 'watermark-1',
    schema: [{ name: 'ts', type: TIMESTAMP }],
    mode: 'append',
    input: scan,
    column: 0,
    boundMs,
    idleTimeoutMs: 0,
    assumed: false,
  };
}

function timesOf(split: number, times: readonly (number | null)[]): Batch {
  const batch = batchOf([times]);
  batch.header.split = split;
  return batch;
}

interface Seen {
  readonly before: number;
  readonly after: number;
  readonly others: number;
  readonly rowWatermarks: number[] | null;
}

function seenIn({ header, rowWatermarks, rowCount }: Batch): Seen {
  return {
    before: header.watermarkBefore,
    after: header.watermarkAfter,
    others: header.watermarkOthers,
    rowWatermarks: rowWatermarks === null ? null : [...rowWatermarks.subarray(0, rowCount)],
  };
}

/** V1: one operator sees every block and every word about splits. */
class Whole {
  readonly context = new RecordingContext([TIMESTAMP]);
  readonly operator: WatermarkOperator;
  readonly seen: Seen[] = [];

  constructor(boundMs: number) {
    this.operator = new WatermarkOperator(watermarkNode(boundMs), this.context);
    this.context.onBatch = (batch) => this.seen.push(seenIn(batch));
  }
}

/** V2: senders that take blocks as they please, and a receiver in sequence. */
class Parted {
  readonly contexts: readonly RecordingContext[];
  readonly senders: readonly WatermarkOperator[];
  edge: EdgeWatermark;
  readonly seen: Seen[] = [];
  /** Watermarks as far as they rose. */
  readonly watermarks: number[] = [];

  constructor(boundMs: number, senders: number, flush = true) {
    const prefix = new PrefixChain();
    this.contexts = Array.from({ length: senders }, () => new RecordingContext([TIMESTAMP]));
    this.senders = this.contexts.map((context) => {
      context.onBatch = (batch) => this.receive(batch);
      return new WatermarkOperator(watermarkNode(boundMs), context, { everyRow: false, prefix });
    });
    this.edge = new EdgeWatermark({ boundMs, flush });
  }

  pass(): void {
    const watermark = this.edge.current();
    if (watermark > (this.watermarks.at(-1) ?? Number.NEGATIVE_INFINITY)) {
      this.watermarks.push(watermark);
    }
  }

  private receive(batch: Batch): void {
    expect(batch.header.watermarkOthers).toBe(Number.POSITIVE_INFINITY);
    this.edge.arrived(batch.header);
    this.seen.push(seenIn(batch));
    this.pass();
  }
}

function edgeBytes(edge: EdgeWatermark): Uint8Array {
  const writer = new StateWriter();
  edge.snapshot(writer);
  return writer.finish();
}

describe('edge watermark', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'says of the same blocks what the watermark operator says (seed %i)',
    { timeout: 240_000 },
    (seed) => {
      const random = seededRandom(seed);
      const below = (limit: number): number => Math.floor(random() * limit);
      const boundMs = seed % 3 === 0 ? 0.1 + random() * 500 : below(2000);
      const splits = Array.from({ length: 1 + below(4) }, (_, split) => split * 3);
      const whole = new Whole(boundMs);
      const parted = new Parted(boundMs, 1 + below(3));
      const sameSplits = (named: readonly number[]): void => {
        whole.operator.setSplits(named);
        parted.edge.setSplits(named);
        parted.pass();
      };
      sameSplits(splits);
      const ended = new Set<number>();
      for (let step = 0; step < 1500; step += 1) {
        const split = splits[below(splits.length)] as number;
        const kind = random();
        if (kind < 0.05) {
          whole.operator.idle(split);
          parted.edge.setIdle(split, true);
        } else if (kind < 0.08) {
          whole.operator.active(split);
          parted.edge.setIdle(split, false);
        } else if (kind < 0.081 && ended.size + 1 < splits.length) {
          ended.add(split);
          whole.operator.splitEnded(split);
          parted.edge.splitEnded(split);
        } else if (kind < 0.09) {
          if (random() < 0.1) splits.push(splits.length * 3);
          sameSplits(splits);
        } else if (!ended.has(split)) {
          const times = Array.from({ length: below(6) }, () =>
            random() < 0.05 ? null : step * 20 * (1 + split / 50) + random() * 3000,
          );
          whole.operator.process(0, timesOf(split, times));
          const sender = parted.senders[below(parted.senders.length)] as WatermarkOperator;
          sender.process(0, timesOf(split, times));
        }
        parted.pass();
      }
      expect(parted.seen).toEqual(whole.seen);
      expect(parted.watermarks).toEqual(whole.context.watermarks);
      const late = parted.contexts.reduce((sum, { counters }) => sum + counters.late, 0);
      expect(late).toBe(whole.context.counters.late);
      expect(late).toBeGreaterThan(50);
      expect(parted.watermarks.length).toBeGreaterThan(splits.length > 4 ? 10 : 50);
      for (const { watermarks } of parted.contexts) expect(watermarks).toEqual([]);
    },
  );

  it('does not forget what it reached when a slower split speaks again before it was asked', () => {
    const edge = new EdgeWatermark({ boundMs: 0, flush: true });
    edge.setSplits([0, 1]);
    edge.setIdle(1, true);
    edge.arrived({ ...emptyHeader('s'), split: 0, watermarkAfter: 100 });
    edge.arrived({ ...emptyHeader('s'), split: 1, watermarkAfter: 50 });
    expect(edge.current()).toBe(100);
  });

  it('keeps the last watermark of an ended split when the input is not flushed', () => {
    const ends = (flush: boolean): number => {
      const edge = new EdgeWatermark({ boundMs: 10, flush });
      edge.setSplits([0, 1]);
      edge.arrived({ ...emptyHeader('s'), split: 0, watermarkAfter: 100 });
      edge.arrived({ ...emptyHeader('s'), split: 1, watermarkAfter: 50 });
      edge.splitEnded(1);
      return edge.current();
    };
    expect(ends(true)).toBe(100);
    expect(ends(false)).toBe(50);
  });

  it('goes on from its snapshot and from that of a watermark operator', () => {
    const blocks: [number, number[]][] = [
      [0, [5000, 4000]],
      [1, [7000]],
      [0, [9000]],
      [1, [6500, 9500]],
    ];
    for (let stop = 0; stop <= blocks.length; stop += 1) {
      const whole = new Whole(1000);
      const parted = new Parted(1000, 2);
      whole.operator.setSplits([0, 1]);
      parted.edge.setSplits([0, 1]);
      blocks.forEach(([split, times], at) => {
        if (at === stop) {
          const own = edgeBytes(parted.edge);
          expect(own).toEqual(snapshotOf(whole.operator));
          parted.edge = new EdgeWatermark({ boundMs: 1000, flush: true });
          parted.edge.restore(new StateReader(own));
          parted.edge.setSplits([0, 1]);
          parted.pass();
        }
        whole.operator.process(0, timesOf(split, times));
        parted.senders[at % 2]?.process(0, timesOf(split, times));
      });
      expect(parted.watermarks).toEqual(whole.context.watermarks);
      expect(parted.watermarks).toEqual([4000, 6000, 8000]);
    }
  });

  it('gives its state to a watermark operator', () => {
    const edge = new EdgeWatermark({ boundMs: 1000, flush: true });
    edge.setSplits([0]);
    edge.arrived({ ...emptyHeader('s'), split: 0, watermarkAfter: 3000 });
    const whole = new Whole(1000);
    restoreInto(whole.operator, edgeBytes(edge));
    whole.operator.setSplits([0]);
    expect(whole.context.watermarks).toEqual([3000]);
  });
});

describe('a sending watermark operator', () => {
  it('has no state of its own and passes no watermark on, not even the end', () => {
    const { contexts, senders } = new Parted(0, 1);
    senders[0]?.setSplits([0]);
    senders[0]?.process(0, timesOf(0, [100]));
    senders[0]?.watermark(0, Number.POSITIVE_INFINITY);
    expect(contexts[0]?.watermarks).toEqual([]);
    expect(snapshotOf(senders[0] as WatermarkOperator)).toHaveLength(0);
  });
});
