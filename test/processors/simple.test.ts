/**
 * V1's loop with an injected clock and a scripted source: what counts as time, pausing, stopping,
 * failures of sinks, idle splits, and accounts that add up.
 */
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/base/clock.js';
import { ConnectorError } from '../../src/base/errors.js';
import { emptyHeader, newBatch } from '../../src/columnar/batch.js';
import type { Sink } from '../../src/connectors/sink.js';
import type { NextBatch, Source, SplitReader } from '../../src/connectors/source.js';
import { openGenerator } from '../../src/connectors/generator/generator.js';
import { compileJob, createJob } from '../../src/job.js';
import { scansOf } from '../../src/plan/pipeline/pipeline-plan.js';
import type { JobProcessor, JobResult } from '../../src/processors/job-processor.js';
import type { QueryPlan } from '../../src/plan/pipeline/pipeline-plan.js';
import { QueryAccounts } from '../../src/processors/query-accounts.js';
import { QueryRun } from '../../src/processors/query-run.js';
import { SimpleJobProcessor } from '../../src/processors/simple.js';

class ManualClock implements Clock {
  ns = 1e9;
  nowMs(): number {
    return this.ns / 1e6;
  }
  monotonicNs(): number {
    return this.ns;
  }
}

/** One step of a scripted split: rows with these values, a wait that takes so long, or the end. */
type Step =
  { readonly values: readonly number[]; readonly costMs: number } | { readonly waitMs: number };

class ScriptedSplit implements SplitReader {
  readonly split = 0;
  private read = 0;
  private readonly steps: Step[];
  private readonly clock: ManualClock;
  onStep: (at: number) => void = () => undefined;

  constructor(steps: readonly Step[], clock: ManualClock) {
    this.steps = [...steps];
    this.clock = clock;
  }

  next(): NextBatch {
    const step = this.steps[0];
    if (step === undefined) return 'end';
    if ('waitMs' in step) return 'wait';
    this.steps.shift();
    const header = emptyHeader('script');
    header.firstOffset = this.read;
    const batch = newBatch(
      [{ kind: 'f64', values: Float64Array.from(step.values), nulls: null }],
      header,
    );
    batch.rowCount = step.values.length;
    batch.selectedCount = step.values.length;
    this.read += step.values.length;
    this.clock.ns += step.costMs * 1e6;
    this.onStep(this.read);
    return batch;
  }

  ready(): Promise<void> {
    const step = this.steps.shift();
    if (step !== undefined && 'waitMs' in step) this.clock.ns += step.waitMs * 1e6;
    return Promise.resolve();
  }

  position(): string {
    return String(this.read);
  }
  seek(): void {
    throw new Error('not scripted');
  }
  rowsRead(): number {
    return this.read;
  }
}

class ListSink implements Sink {
  readonly values: number[] = [];
  closed = 0;
  failAfter = Number.POSITIVE_INFINITY;

  write(batch: Parameters<Sink['write']>[0]): void {
    const column = batch.columns[0] as { values: Float64Array };
    for (let k = 0; k < batch.selectedCount; k += 1) {
      const row = batch.selection === null ? k : batch.selection[k]!;
      if (this.values.length >= this.failAfter) {
        throw new ConnectorError('SINK_WRITE', { message: 'the sink is full' });
      }
      this.values.push(column.values[row]!);
    }
  }
  pressure(): null {
    return null;
  }
  flush(): Promise<void> {
    return Promise.resolve();
  }
  close(): Promise<void> {
    this.closed += 1;
    return Promise.resolve();
  }
  rowsWritten(): number {
    return this.values.length;
  }
}

const TEN_ROWS = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '10');`;

async function planOf(text: string): Promise<QueryPlan> {
  const job = await compileJob({
    source: { name: 'test.sql', text },
    variables: () => undefined,
    settings: {},
    changelog: false,
    redirects: new Map(),
    limit: null,
  });
  return job.plan.queries[0]!;
}

interface Setup {
  readonly processor: SimpleJobProcessor;
  readonly sink: ListSink;
  readonly split: ScriptedSplit;
  readonly clock: ManualClock;
}

async function setup(query: string, steps: readonly Step[]): Promise<Setup> {
  const clock = new ManualClock();
  const split = new ScriptedSplit(steps, clock);
  const sink = new ListSink();
  const plan = await planOf(`${TEN_ROWS} ${query}`);
  const source: Source = {
    bounded: true,
    splits: [split],
    commit: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  const sources = new Map(scansOf(plan.root).map((scan) => [scan.id, source]));
  const accounts = new QueryAccounts('skip', null);
  const closeLast = (): Promise<void> => Promise.resolve();
  const processor = new SimpleJobProcessor({
    clock,
    durationMs: null,
    maxMemoryBytes: null,
    stateLimits: null,
    notice: () => undefined,
    sleep: null,
    checkpoints: null,
    open: () => Promise.resolve([new QueryRun({ plan, accounts, sink, sources, closeLast })]),
  });
  return { processor, sink, split, clock };
}

describe('V1', () => {
  it('counts time from the first record in to the last row out, not the wait for the end', async () => {
    const { processor } = await setup('SELECT i FROM g', [
      { waitMs: 5000 },
      { values: [1, 2], costMs: 100 },
      { values: [3], costMs: 100 },
      { waitMs: 60_000 },
    ]);
    const result = await processor.start();
    expect(result.seconds).toBeCloseTo(0.2, 9);
    expect(result.rowsRead).toBe(3);
  });

  it('is complete when start() resolves: in = processed, the sink closed once', async () => {
    const { processor, sink } = await setup('SELECT i FROM g WHERE i > 1', [
      { values: [1, 2], costMs: 1 },
      { values: [3, 4], costMs: 1 },
    ]);
    const result = await processor.start();
    expect(sink.values).toEqual([2, 3, 4]);
    expect(sink.closed).toBe(1);
    expect(result).toMatchObject({
      state: 'finished',
      end: 'end-of-input',
      rowsRead: 4,
      rowsOut: 3,
    });
    expect(result.queries[0]).toMatchObject({ rowsProcessed: 4, rowsFailed: 0 });
    expect(processor.metrics()).toEqual(processor.metrics());
  });

  it('counts a poison record as failed: processed + failed = read', async () => {
    const { processor, sink } = await setup('SELECT 10 / i AS x FROM g', [
      { values: [1, 0, 2], costMs: 1 },
    ]);
    const result = await processor.start();
    expect(sink.values).toEqual([10, 5]);
    expect(result.queries[0]).toMatchObject({ rowsRead: 3, rowsProcessed: 2, rowsFailed: 1 });
  });

  it('counts a result row that fails apart from records: it was none that was read', async () => {
    const { processor, sink } = await setup(
      'SELECT 10 / SUM(i) AS x FROM g WINDOW TUMBLING(i, 1s) EMIT FINAL',
      [
        { values: [0, 0], costMs: 1 },
        { values: [2000, 3000], costMs: 1 },
      ],
    );
    const result = await processor.start();
    expect(sink.values).toEqual([10 / 2000, 10 / 3000]);
    expect(result.queries[0]).toMatchObject({ rowsRead: 4, rowsProcessed: 4, rowsFailed: 0 });
  });

  it('stops without flushing open windows', async () => {
    const { processor, sink, split } = await setup(
      'SELECT COUNT(*) AS n FROM g WINDOW TUMBLING(i, 1s) EMIT FINAL',
      [
        { values: [1, 2], costMs: 1 },
        { values: [3, 4], costMs: 1 },
        { values: [5], costMs: 1 },
      ],
    );
    split.onStep = (at) => {
      if (at === 2) void processor.stop();
    };
    const result = await processor.start();
    expect(result).toMatchObject({ end: 'stopped', rowsRead: 2, rowsOut: 0 });
    expect(sink.values).toEqual([]);
  });

  it('has stopped when stop() says so: the sink has all rows and is closed', async () => {
    const { processor, sink, split } = await setup('SELECT i FROM g', [
      { values: [1, 2], costMs: 1 },
      { values: [3], costMs: 1 },
    ]);
    let letClose: () => void = () => undefined;
    const closing = new Promise<void>((resolve) => {
      letClose = resolve;
    });
    const close = sink.close.bind(sink);
    sink.close = async () => {
      await closing;
      await close();
    };
    let stopped: Promise<void> = Promise.resolve();
    let isOver = false;
    split.onStep = () => {
      stopped = processor.stop().then(() => {
        isOver = true;
      });
    };
    const running = processor.start();
    await eventLoopTurns(50);
    expect([isOver, sink.closed]).toEqual([false, 0]);
    letClose();
    await stopped;
    expect([sink.closed, processor.state]).toEqual([1, 'finished']);
    expect(sink.values).toEqual([1, 2]);
    await running;
  });

  it('reads nothing while paused and goes on after resume', async () => {
    const { processor, sink, split } = await setup('SELECT i FROM g', [
      { values: [1], costMs: 1 },
      { values: [2], costMs: 1 },
    ]);
    split.onStep = (at) => {
      if (at === 1) processor.pause();
    };
    const running = processor.start();
    for (let turns = 0; turns < 20; turns += 1)
      await new Promise((resolve) => setImmediate(resolve));
    expect(processor.state).toBe('paused');
    expect(sink.values).toEqual([1]);
    processor.resume();
    await running;
    expect(sink.values).toEqual([1, 2]);
  });

  it.each(['input', 'sink'])(
    'stops when it is told so just before it waits for its %s',
    async (what) => {
      const forever = new Promise<never>(() => undefined);
      const { processor, sink, split } = await setup('SELECT i FROM g', [
        { values: [1], costMs: 1 },
        { waitMs: 0 },
      ]);
      split.ready = () => forever;
      if (what === 'input') {
        const next = split.next.bind(split);
        split.next = () => {
          const found = next();
          if (found === 'wait') void processor.stop();
          return found;
        };
      } else {
        // It is asked as the row goes out, and by the loop, which would wait.
        let asked = 0;
        sink.pressure = () => {
          asked += 1;
          return asked <= 2 ? (forever as never) : null;
        };
        split.onStep = () => void processor.stop();
      }
      let result: JobResult | null = null;
      void processor.start().then((ended) => {
        result = ended;
      });
      for (let turns = 0; turns < 10_000 && result === null; turns += 1) await eventLoopTurns(1);
      expect(result).toMatchObject({ end: 'stopped', rowsRead: 1 });
    },
  );

  it('ends with the sink error, the sink closed, the state failed', async () => {
    const { processor, sink } = await setup('SELECT i FROM g', [{ values: [1, 2, 3], costMs: 1 }]);
    sink.failAfter = 1;
    await expect(processor.start()).rejects.toMatchObject({ code: 'VELO_SINK_WRITE' });
    expect(processor.state).toBe('failed');
    expect(sink.closed).toBe(1);
  });

  it('has one partition', async () => {
    const { processor } = await setup('SELECT i FROM g', []);
    expect(processor.numberOfPartitions()).toBe(1);
    expect((await processor.start()).rowsRead).toBe(0);
  });
});

describe('a silent split', () => {
  it('holds the watermark until its idle timeout is over, and again when it has spoken', async () => {
    const clock = new ManualClock();
    const splits = [0, 1].map((split) => {
      const scripted = new ScriptedSplit([], clock);
      return Object.assign(scripted, { split, next: (): NextBatch => 'wait' });
    });
    const plan = await planOf(
      `SET 'source.idle-timeout' = '1s'; ${TEN_ROWS} SELECT COUNT(*) AS n FROM g WINDOW TUMBLING(i, 1s) EMIT FINAL`,
    );
    const source: Source = {
      bounded: false,
      splits,
      commit: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
    const sink = new ListSink();
    const run = new QueryRun({
      plan,
      accounts: new QueryAccounts('skip', null),
      sink,
      sources: new Map(scansOf(plan.root).map((scan) => [scan.id, source])),
      closeLast: () => Promise.resolve(),
    });
    /** What the sink has when a split has given rows at that time. */
    const spoken = (at: 0 | 1, nowMs: number, values: readonly number[]): number => {
      const split = splits[at]!;
      const header = { ...emptyHeader('script'), split: at, ingestTimeMs: nowMs };
      const column = { kind: 'f64', values: Float64Array.from(values), nulls: null } as const;
      const batch = newBatch([column], header);
      batch.rowCount = values.length;
      batch.selectedCount = values.length;
      split.next = () => batch;
      run.step(at);
      split.next = () => 'wait';
      run.step(1 - at);
      run.markIdle(nowMs);
      return sink.values.length;
    };
    const minute = 60_000;
    // Split 1 speaks once and then no more: windows wait for it until it is idle.
    expect(spoken(1, 5000, [0])).toBe(0);
    expect(spoken(0, 5000, [10 * minute])).toBe(0);
    expect(spoken(0, 5999, [10 * minute + 1])).toBe(0);
    expect(spoken(0, 6000, [10 * minute + 2])).toBe(1);
    // It speaks again, and holds the windows back again for as long.
    expect(spoken(1, 6500, [11 * minute])).toBe(1);
    expect(spoken(0, 7499, [90 * minute])).toBe(1);
    expect(spoken(0, 7500, [90 * minute + 1])).toBe(3);
  });
});

/** A clock that runs by a microsecond whenever somebody looks, so that a loop gets somewhere. */
class TickingClock extends ManualClock {
  override monotonicNs(): number {
    this.ns += 1000;
    return this.ns;
  }
}

/** 1,000 rows, one due each ms; each sleep takes 60 µs too long; the sink stalls once. */
async function pacedRun(stallMs: number): Promise<JobResult> {
  const clock = new TickingClock();
  const text = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '1000',
    'rows-per-second' = '1000'); SELECT i FROM g`;
  const plan = await planOf(text);
  const accounts = new QueryAccounts('skip', null);
  const sink = new ListSink();
  const write = sink.write.bind(sink);
  sink.write = (batch): void => {
    const before = sink.values.length;
    write(batch);
    if (before < 500 && sink.values.length >= 500) clock.ns += stallMs * 1e6;
  };
  const [scan] = scansOf(plan.root);
  const source = openGenerator({
    table: scan!.table,
    physical: scan!.physical,
    system: scan!.system,
    batchRowsMax: 4096,
    errors: accounts,
    clock,
    notice: () => undefined,
  });
  const sources = new Map([[scan!.id, source]]);
  const closeLast = (): Promise<void> => Promise.resolve();
  const processor = new SimpleJobProcessor({
    clock,
    durationMs: null,
    maxMemoryBytes: null,
    stateLimits: null,
    notice: () => undefined,
    sleep: (ms) => {
      clock.ns += ms * 1e6 + 60_000;
    },
    checkpoints: null,
    open: () => Promise.resolve([new QueryRun({ plan, accounts, sink, sources, closeLast })]),
  });
  const result = await processor.start();
  expect(sink.values).toEqual(Array.from({ length: 1000 }, (_, row) => row));
  return result;
}

/** A running job of individual rows at that rate, after its first row. */
async function pacedJob(rowsPerSecond: number, rows: number): Promise<RunningJob> {
  const job = await compileJob({
    source: {
      name: 'test.sql',
      text: `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '${rows}',
        'rows-per-second' = '${rowsPerSecond}'); SELECT i FROM g`,
    },
    variables: () => undefined,
    settings: {},
    changelog: false,
    redirects: new Map(),
    limit: null,
  });
  const processor = createJob(job, {
    sinks: { stdout: process.stdout, format: 'jsonl', onStdoutClosed: () => undefined },
    sink: 'blackhole',
    onError: 'fail',
    deadLetter: null,
    durationMs: null,
    maxMemoryBytes: null,
    stateLimits: null,
    batchRows: null,
    mode: { kind: 'individual' },
    notice: () => undefined,
  });
  const done = processor.start();
  while (processor.metrics().rowsRead < 1) await eventLoopTurns(1);
  return { processor, done };
}

interface RunningJob {
  readonly processor: JobProcessor;
  readonly done: Promise<JobResult>;
}

async function eventLoopTurns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('V1 with individual rows at a rate', () => {
  it('hands each row over when it is due, and says so', { timeout: 240_000 }, async () => {
    const result = await pacedRun(0);
    expect(result.latencyKind).toBe('open-loop');
    expect(result.latencyUs.totalCount).toBe(1000);
    expect(result.latencyUs.percentiles().max).toBeLessThan(200);
  });

  it('a stall counts for all rows that were due in it', { timeout: 240_000 }, async () => {
    const { latencyUs } = await pacedRun(100);
    const { p50, p95, p99 } = latencyUs.percentiles();
    expect(p50).toBeLessThan(200);
    expect(p95).toBeGreaterThan(40_000);
    expect(p99).toBeGreaterThan(80_000);
  });

  it('keeps no core busy while it waits', { timeout: 240_000 }, async () => {
    const { done } = await pacedJob(100, 200);
    const result = await done;
    expect(result.rowsRead).toBe(200);
    expect(result.cpuSeconds).toBeLessThan(0.4);
  });

  it('stops in the middle of a long wait', { timeout: 240_000 }, async () => {
    const { processor, done } = await pacedJob(1, 1000);
    await eventLoopTurns(10);
    await processor.stop();
    expect(await done).toMatchObject({ end: 'stopped', rowsRead: 1 });
  });

  it(
    'reads nothing while paused, and catches up with the schedule',
    { timeout: 240_000 },
    async () => {
      const { processor, done } = await pacedJob(500, 250);
      processor.pause();
      await eventLoopTurns(50);
      const { rowsRead } = processor.metrics();
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(processor.metrics().rowsRead).toBe(rowsRead);
      processor.resume();
      const result = await done;
      expect(result.rowsRead).toBe(250);
      expect(result.latencyUs.percentiles().max).toBeGreaterThan(150_000);
    },
  );
});
