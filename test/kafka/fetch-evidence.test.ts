/**
 * What reading makes of a broker's answers that hold nothing, or do not hold together: an offset
 * that was not read is never passed over. The broker is on loopback (loopback-broker.ts).
 */
import { afterEach, describe, expect, it } from 'vitest';
import { ALL, failureOf, kafkaTable, openSource, readIds, readRows, range } from './harness.js';
import { LoopbackBroker, batchOf, idBatches } from './loopback-broker.js';
import type { LoopbackTopic } from './loopback-broker.js';
import type { TableDefinition } from '../../src/plan/schema.js';

let broker: LoopbackBroker | null = null;
afterEach(async () => {
  await broker?.close();
  broker = null;
});

async function started(topic: Partial<LoopbackTopic> = {}): Promise<LoopbackBroker> {
  broker = await LoopbackBroker.start(topic);
  return broker;
}

function table(
  from: LoopbackBroker,
  options: Readonly<Record<string, string>> = {},
): TableDefinition {
  const all = { ...ALL, 'connect.timeout': '10s', fetch: 'columnar', ...options };
  return kafkaTable(from.address, 't', all);
}

/** Where the error comes after this time. */
const QUICK = { 'connect.timeout': '2s' };

/** The batches from `offset` on, of which `flip` may have changed one byte. */
function changed(
  logs: readonly Buffer[],
  at: number,
  flip: (batch: Buffer) => void,
): (partition: number, offset: number) => Buffer {
  const batches = logs.map((batch, index) => {
    const copy = Buffer.from(batch);
    if (index === at) flip(copy);
    return copy;
  });
  // A broker finds batches by its index, which is right.
  const ends = logs.map((batch) => Number(batch.readBigInt64BE(0)) + batch.readInt32BE(23) + 1);
  return (_, offset) => Buffer.concat(batches.filter((_batch, index) => ends[index]! > offset));
}

/** Rows that are right, as far as they go, and an error that names a corrupt batch. */
async function expectCorrupt(from: LoopbackBroker): Promise<void> {
  const opened = await openSource(table(from, QUICK));
  const { error } = await failureOf(() => readRows(opened));
  await opened.source.close();
  expect(error).toMatchObject({ code: 'VELO_KAFKA_RECORD_CORRUPT' });
}

describe('one flipped bit in a header that no checksum covers', () => {
  const logs = idBatches(9, 3);
  const cases = [0, 1, 2].flatMap((batch) =>
    // Base offset, then length.
    range(12).flatMap((byte) => range(8).map((bit) => [batch, byte, bit] as const)),
  );
  it(`is a corrupt batch, wherever it is (${cases.length} places)`, async () => {
    const from = await started({ logs: [logs] });
    for (const [batch, byte, bit] of cases) {
      from.setFrom = changed(logs, batch, (bytes) => {
        bytes[byte] = bytes[byte]! ^ (1 << bit);
      });
      const opened = await openSource(table(from));
      const read = readRows(opened);
      const place = `batch ${batch} byte ${byte} bit ${bit}`;
      await expect(read, place).rejects.toMatchObject({ code: 'VELO_KAFKA_RECORD_CORRUPT' });
      await opened.source.close();
    }
  }, 120_000);

  it('is a corrupt batch too where each batch comes alone', async () => {
    const from = await started({ logs: [logs] });
    for (const bit of [0, 1, 2, 3, 10]) {
      const one = changed(logs, 1, (bytes) => {
        bytes[7 - (bit >> 3)] = bytes[7 - (bit >> 3)]! ^ (1 << (bit & 7));
      });
      from.setFrom = (partition, offset) => {
        const set = one(partition, offset);
        return set.length === 0 ? set : set.subarray(0, 12 + set.readInt32BE(8));
      };
      await expectCorrupt(from);
    }
  }, 30_000);
});

describe('records beyond the end that their answer names', () => {
  it('are taken where they follow the last ones: the broker looked at the end before', async () => {
    const from = await started();
    from.hook = ({ api }, fields) => {
      if (api !== 'fetch') return null;
      const early = Buffer.alloc(8);
      early[7] = 2;
      const parts = fields.map(({ name, bytes }) => (name === 'high watermark' ? early : bytes));
      return { body: Buffer.concat(parts) };
    };
    expect(await readIds(table(from))).toEqual(range(9));
    expect(from.count('listOffsets')).toBe(2);
  });
});

describe('a batch that does not come whole', () => {
  it('is asked for with more room, and corrupt when that does not help', async () => {
    const from = await started();
    const asked: number[] = [];
    from.setFrom = (_, offset) => {
      asked.push(offset);
      const set = Buffer.concat(idBatches(9, 3));
      set.writeInt32BE(2 << 20, 8);
      return set;
    };
    await expectCorrupt(from);
    expect(asked).toEqual([0, 0]);
  });
});

describe('a gap in front of a batch that comes alone', () => {
  const rows = [0, 1, 2].map((id) => Buffer.from(`{"id":${id}}`));
  const sparse = [0, 40, 41].map((baseOffset, at) =>
    batchOf({ baseOffset, records: [{ delta: 0, key: null, value: rows[at]! }] }),
  );

  it('is read over when the log has nothing there', async () => {
    const from = await started({ logs: [sparse] });
    from.setFrom = (_, offset) => {
      const ends = [1, 41, 42];
      return sparse.find((_batch, at) => ends[at]! > offset) ?? Buffer.alloc(0);
    };
    expect(await readIds(table(from))).toEqual([0, 1, 2]);
  });

  it('is corrupt when the log has something there', async () => {
    const from = await started({ logs: [idBatches(60, 3)] });
    from.setFrom = (_, offset) => {
      const set = Buffer.concat(idBatches(60, 3).filter((_batch, at) => 3 * at + 3 > offset));
      const one = Buffer.from(set.subarray(0, set.length === 0 ? 0 : 12 + set.readInt32BE(8)));
      if (offset === 3) one.writeBigInt64BE(35n, 0);
      return one;
    };
    await expectCorrupt(from);
  });
});

describe('a broker that has nothing although the log goes on', () => {
  it('is asked again until it has', async () => {
    const from = await started();
    let empty = 0;
    from.setFrom = (_, offset) => {
      const set = Buffer.concat(idBatches(9, 3).filter((_batch, at) => 3 * at + 3 > offset));
      if (offset < 3) return set.subarray(0, 12 + set.readInt32BE(8));
      empty += 1;
      return empty < 9 ? Buffer.alloc(0) : set;
    };
    expect(await readIds(table(from))).toEqual(range(9));
  }, 30_000);

  it('is left alone for longer and longer, and told of after 10 seconds', async () => {
    const from = await started();
    from.setFrom = (_, offset) => (offset < 3 ? idBatches(3, 3)[0]! : Buffer.alloc(0));
    let nowMs = 0;
    const clock = { nowMs: () => nowMs, monotonicNs: () => nowMs * 1e6 };
    const opened = await openSource(table(from), { clock });
    const [split] = opened.source.splits;
    expect(split?.next()).toBe('wait');
    while (opened.notices.length === 0) {
      nowMs += 1_000;
      const before = from.count('fetch');
      split?.next();
      await until(() => from.count('fetch') > before || opened.notices.length > 0);
    }
    expect(opened.notices).toEqual([
      expect.stringMatching(/log goes to 9, and gives nothing from offset 3 on for 10 s/),
    ]);
    expect(split?.rowsRead()).toBe(3);
    await opened.source.close();
  }, 30_000);

  it('is asked again, whenever its pause ends: also between two looks at the clock', async () => {
    const from = await started();
    const whole = Buffer.concat(idBatches(9, 3));
    let empty = 0;
    from.setFrom = () => {
      empty += 1;
      return empty < 6 ? Buffer.alloc(0) : whole;
    };
    // Pauses are from 25 ms on, and each look is 20 ms after the one before: most end between two.
    let nowMs = 0;
    const clock = { nowMs: () => nowMs, monotonicNs: () => (nowMs += 20) * 1e6 };
    const opened = await openSource(table(from, QUICK), { clock });
    expect((await readRows(opened)).map(([id]) => Number(id))).toEqual(range(9));
  }, 30_000);

  it('is believed of a compacted log, whose tail may be gone', async () => {
    const from = await started({ cleanupPolicy: 'compact' });
    from.setFrom = (_, offset) => (offset < 3 ? idBatches(3, 3)[0]! : Buffer.alloc(0));
    let nowMs = 0;
    const clock = { nowMs: () => nowMs, monotonicNs: () => nowMs * 1e6 };
    const opened = await openSource(table(from), { clock });
    const [split] = opened.source.splits;
    let next = split?.next();
    while (next !== 'end') {
      nowMs += 1_000;
      await new Promise((resolve) => setTimeout(resolve, 5));
      next = split?.next();
    }
    expect(opened.notices).toEqual([expect.stringContaining('offsets from 3 to 9: compacted')]);
    await opened.source.close();
  }, 30_000);
});

describe('answers at once, again and again', () => {
  it.each(['another topic', 'no topics', 'no records below the stop'])(
    '%s: a few requests, and an error in time',
    async (what) => {
      const from = await started();
      from.hook = ({ api }, fields) => {
        if (api !== 'fetch') return null;
        const parts = fields.map(({ name, bytes }) => {
          if (what === 'another topic' && name === 'topic') return Buffer.from('z');
          if (what === 'no records below the stop') {
            if (name === 'high watermark' || name === 'last stable') return Buffer.alloc(8);
            if (name === 'records') return Buffer.of(1);
            if (name === 'set') return Buffer.alloc(0);
          }
          return bytes;
        });
        if (what === 'no topics')
          return { body: Buffer.from('0000000000000000000001' + '00', 'hex') };
        return { body: Buffer.concat(parts) };
      };
      const { error, ms } = await failureOf(() => readIds(table(from, QUICK)));
      expect(error).toMatchObject({ code: 'VELO_KAFKA_ANSWER' });
      expect(from.count('fetch')).toBeLessThan(60);
      expect(ms).toBeGreaterThanOrEqual(2_000);
    },
    30_000,
  );

  it('are no fault of a broker whose quota is used up: it asks for a pause', async () => {
    const from = await started();
    let answers = 0;
    from.hook = ({ api }) => {
      answers += api === 'fetch' ? 1 : 0;
      if (api !== 'fetch' || answers > 30) return null;
      // A pause of 100 ms, and no topics.
      return { body: Buffer.from('00000064' + '0000' + '00000000' + '01' + '00', 'hex') };
    };
    expect(await readIds(table(from, QUICK))).toEqual(range(9));
  }, 30_000);

  it('a partition that metadata names twice is read once', async () => {
    const logs = [idBatches(9, 3), idBatches(3, 3)];
    const from = await started({ logs });
    from.hook = ({ api }, fields) => {
      if (api !== 'metadata') return null;
      const parts = fields.map(({ name, bytes }) =>
        name === 'partition' ? Buffer.alloc(4) : bytes,
      );
      return { body: Buffer.concat(parts) };
    };
    expect(await readIds(table(from))).toEqual(range(9));
  });
});

describe('an address that only the cluster knows', () => {
  it('is named, with what to do about it, and not the bootstrap servers', async () => {
    const from = await started({ advertised: 'kafka-1.invalid' });
    const { error } = await failureOf(() => readIds(table(from, QUICK)));
    expect(error).toMatchObject({
      code: 'VELO_BROKER_UNREACHABLE',
      message: expect.stringMatching(
        /^the Kafka broker at "kafka-1.invalid:\d+" cannot be reached for table "t": /,
      ) as string,
      detail: `the cluster at "${from.address}" answers, and names the broker so`,
      hint: expect.stringContaining("'advertised.listeners'") as string,
    });
  }, 30_000);
});

/** Looks again whenever something else may have happened. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 2));
}
