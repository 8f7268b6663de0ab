/**
 * `npm run bench:micro`: the parts by themselves, each beside an obvious alternative and timed in
 * turn with it, as million rows per second and the median ratio of the rounds; then what metrics
 * and backpressure cost against their targets. Owns the parts of one thread and the table. Every
 * part checks its own result before its figure is printed. Exit 1 when a target is missed.
 */
import Table from 'cli-table3';
import { systemClock } from '../../base/clock.js';
import { assert } from '../../base/assert.js';
import { BATCH_ROWS_MAX, emptyHeader, newBatch } from '../../columnar/batch.js';
import type { Batch } from '../../columnar/batch.js';
import type { DictColumn, F64Column } from '../../columnar/column.js';
import { Dictionary } from '../../columnar/dictionary.js';
import { BIGINT, DOUBLE, VARCHAR } from '../../columnar/types.js';
import { RowDigest } from '../../connectors/blackhole/row-digest.js';
import { createJsonDecoder } from '../../formats/json/json.js';
import { compileJob } from '../../job.js';
import type { AggregateCall } from '../../plan/pipeline/pipeline-plan.js';
import { Calc } from '../../runtime/operators/calc.js';
import { GroupedStateFactory } from '../../state/groups/grouped-state-factory.js';
import { arenaRounds, exchangeParts, ExchangeThreads, measureThreaded } from './micro-exchange.js';
import { RING_SLOTS } from './micro-exchange-task.js';
import { measureOverheads, overheadParts, overheadTable } from './micro-metrics.js';
import { selectScenarios } from '../scenario/scenario.js';
import { median } from '../statistics.js';

/** Rows of one timed call: a second of work is many calls. */
const ROWS = BATCH_ROWS_MAX;
const ROUNDS = 7;
const ROUND_MS = 120;
/** Rows of one timed call of the exchange between threads. */
const EXCHANGED_ROWS = 4_000_000;

interface Part {
  readonly name: string;
  readonly velo: () => void;
  readonly other: string;
  readonly alternative: () => void;
  /** Rows that one call counts for. */
  readonly rows: number;
}

function trades(): Batch {
  const traders = dictColumn('TRADER', 20);
  const symbols = dictColumn('SYM', 10);
  const prices = f64Column((i) => 100 + (i % 50));
  const quantities = f64Column((i) => 100 + (i % 1000));
  const batch = newBatch([traders, symbols, prices, quantities], emptyHeader('micro'));
  batch.rowCount = ROWS;
  batch.selectedCount = ROWS;
  return batch;
}

function dictColumn(prefix: string, count: number): DictColumn {
  const dictionary = new Dictionary();
  for (let code = 0; code < count; code += 1) dictionary.internText(`${prefix}${code}`);
  const codes = Int32Array.from({ length: ROWS }, (_, i) => i % count);
  return { kind: 'dict', codes, dictionary, nulls: null };
}

function f64Column(value: (i: number) => number): F64Column {
  return {
    kind: 'f64',
    values: Float64Array.from({ length: ROWS }, (_, i) => value(i)),
    nulls: null,
  };
}

function aggregate(name: string, arg: number | null): AggregateCall {
  const types = [VARCHAR, VARCHAR, DOUBLE, BIGINT];
  const type = name === 'AVG' ? DOUBLE : (types[arg ?? 3] ?? BIGINT);
  return {
    function: name,
    args: arg === null ? [] : [arg],
    argTypes: arg === null ? [] : [types[arg] ?? BIGINT],
    literals: [],
    filter: null,
    distinct: false,
    orderBy: [],
    type,
  };
}

const CALLS = [
  aggregate('COUNT', null),
  aggregate('AVG', 2),
  aggregate('SUM', 3),
  aggregate('SUM', 2),
];

function factory(): GroupedStateFactory {
  const inputTypes = [VARCHAR, VARCHAR, DOUBLE, BIGINT];
  return new GroupedStateFactory({
    id: 'micro',
    inputTypes,
    keys: [0, 1],
    aggregates: CALLS,
    windowColumns: false,
  });
}

interface LoopGroup {
  count: number;
  price: number;
  quantity: number;
}

/** The obvious GROUP BY: a Map by a joined key, an object per group. */
function mapGroups(batch: Batch): () => Map<string, LoopGroup> {
  const [traders, symbols, prices, quantities] = batch.columns as [
    DictColumn,
    DictColumn,
    F64Column,
    F64Column,
  ];
  const groups = new Map<string, LoopGroup>();
  const traderTexts = Array.from(traders.codes, (code) => traders.dictionary.text(code));
  const symbolTexts = Array.from(symbols.codes, (code) => symbols.dictionary.text(code));
  return () => {
    for (let row = 0; row < ROWS; row += 1) {
      const key = `${traderTexts[row]}|${symbolTexts[row]}`;
      let group = groups.get(key);
      if (group === undefined) groups.set(key, (group = { count: 0, price: 0, quantity: 0 }));
      group.count += 1;
      group.price += prices.values[row] as number;
      group.quantity += quantities.values[row] as number;
    }
    return groups;
  };
}

function groupParts(): Part[] {
  const batch = trades();
  const state = factory().create();
  const loop = mapGroups(batch);
  const digest = new RowDigest([
    ...[0, 1].map((at) => ({ name: `k${at}`, type: VARCHAR })),
    ...CALLS.map((call, at) => ({ name: `a${at}`, type: call.type })),
  ]);
  const output = { emit: (rows: Batch): void => digest.add(rows) };
  const errors = {
    recordFailed: (): void => {
      throw new Error('no result fails here');
    },
  };
  const changed = factory();
  const changedState = changed.create();
  const changedResults = changed.results(output, errors, {});
  const all = factory();
  const allState = all.create();
  const allResults = all.results(output, errors, {});
  const rows = Int32Array.from({ length: 512 }, (_, i) => i);
  state.update(batch, null, ROWS);
  assert(state.groupCount === 20 && loop().size === 20, 'both sides see 20 groups');
  return [
    {
      name: 'group keys and 4 aggregates',
      velo: () => state.update(batch, null, ROWS),
      other: 'Map by joined key',
      alternative: loop,
      rows: ROWS,
    },
    {
      name: 'a row out per row in, digested',
      velo: () => {
        changedState.updateEmitChanged(batch, null, ROWS, changedResults);
        changedResults.flush();
      },
      other: 'Map by joined key',
      alternative: loop,
      rows: ROWS,
    },
    {
      name: 'snapshot of 20 groups per row, digested (rows out)',
      velo: () => {
        allState.updateEmitAll(batch, rows, rows.length, allResults);
        allResults.flush();
      },
      other: 'an object per row out',
      alternative: snapshotLoop(loop()),
      rows: rows.length * 20,
    },
  ];
}

function snapshotLoop(groups: ReadonlyMap<string, LoopGroup>): () => void {
  let kept: object[] = [];
  return () => {
    for (let record = 0; record < 512; record += 1) {
      kept = [];
      for (const [key, group] of groups)
        kept.push({ key, ...group, average: group.price / group.count });
    }
    assert(kept.length === groups.size, 'a snapshot has every group');
  };
}

function decoderPart(): Part {
  const encoder = new TextEncoder();
  const records = Array.from(
    { length: ROWS },
    (_, i) =>
      `{"trader_id":"TRADER${i % 20}","symbol":"SYM${i % 10}","price":${(100 + (i % 5000) / 100).toFixed(2)},"quantity":${100 + (i % 1000)},"trade_time":${1_700_000_000_000 + i}}`,
  );
  const bytes = encoder.encode(`${records.join('\n')}\n`);
  const starts = new Int32Array(ROWS + 1);
  records.forEach((record, i) => {
    starts[i + 1] = (starts[i] as number) + record.length + 1;
  });
  const decoder = createJsonDecoder([
    { name: 'trader_id', type: VARCHAR },
    { name: 'symbol', type: VARCHAR },
    { name: 'price', type: DOUBLE },
    { name: 'quantity', type: BIGINT },
    { name: 'trade_time', type: BIGINT },
  ]);
  const text = new TextDecoder('utf-8', { ignoreBOM: true });
  let seen = 0;
  return {
    name: 'JSON bytes to columns, 97-byte records',
    velo: () => {
      decoder.begin();
      for (let row = 0; row < ROWS; row += 1) {
        const code = decoder.decode(
          bytes,
          starts[row] as number,
          (starts[row + 1] as number) - 1,
          row,
        );
        assert(code === 0, 'every record decodes');
      }
    },
    other: 'JSON.parse',
    alternative: () => {
      for (let row = 0; row < ROWS; row += 1) {
        const line = text.decode(bytes.subarray(starts[row], (starts[row + 1] as number) - 1));
        seen += (JSON.parse(line) as { quantity: number }).quantity;
      }
      assert(seen > 0, 'the parsed records are used');
    },
    rows: ROWS,
  };
}

function internPart(): Part {
  const encoder = new TextEncoder();
  const words = Array.from({ length: ROWS }, (_, i) => `customer-${(i * 7919) % 1000}`);
  const encoded = words.map((word) => encoder.encode(word));
  const dictionary = new Dictionary();
  const map = new Map<string, number>();
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  return {
    name: 'interning text by bytes, 1,000 keys',
    velo: () => {
      for (const word of encoded) dictionary.intern(word, 0, word.length);
      assert(dictionary.size === 1000, 'a thousand texts');
    },
    other: 'Map of decoded strings',
    alternative: () => {
      for (const word of encoded) {
        const key = decoder.decode(word);
        if (!map.has(key)) map.set(key, map.size);
      }
      assert(map.size === 1000, 'a thousand texts');
    },
    rows: ROWS,
  };
}

/** The calc of scenario 0: three computed columns and a filter. */
async function kernelPart(): Promise<Part> {
  const [scenario] = selectScenarios('0');
  assert(scenario !== undefined, 'scenario 0 is built in');
  const { plan } = await compileJob({
    source: { name: scenario.file, text: scenario.text },
    variables: () => undefined,
    settings: {},
    changelog: false,
    redirects: new Map(),
    limit: null,
  });
  const node = plan.queries[0]?.root;
  assert(node?.kind === 'calc', 'scenario 0 is one calc behind its scan');
  const fail = (): never => {
    throw new Error('no record fails here');
  };
  const inputTypes = node.input.schema.map((column) => column.type);
  const calc = new Calc({ ...node, inputTypes }, { recordFailed: fail });
  const batch = newBatch([f64Column((i) => i)], emptyHeader('micro'));
  batch.rowCount = ROWS;
  batch.selectedCount = ROWS;
  return {
    name: 'calc kernel of scenario 0',
    velo: () => {
      assert(calc.run(batch).selectedCount === ROWS, 'every record passes');
    },
    other: 'an object per row',
    alternative: () => {
      const rows: object[] = [];
      for (let i = 0; i < ROWS; i += 1) {
        const row = { id: i, customer: i % 1000, date: '2024-01-15', amount: 150 + (i % 100) };
        if (row.amount > 100) rows.push(row);
      }
      assert(rows.length === ROWS, 'every record passes');
    },
    rows: ROWS,
  };
}

/** A block that is written and read, among few and among many that are still in flight. */
function arenaPart(): Part {
  return {
    name: 'blocks of 100 KiB through an arena, 3 in flight',
    velo: arenaRounds(3),
    other: '600 in flight',
    alternative: arenaRounds(600),
    rows: 64 * BATCH_ROWS_MAX,
  };
}

/** Million rows per second over about ROUND_MS. */
function measure(run: () => void, rows: number): number {
  const startNs = systemClock.monotonicNs();
  let calls = 0;
  let elapsedNs = 0;
  do {
    run();
    calls += 1;
    elapsedNs = systemClock.monotonicNs() - startNs;
  } while (elapsedNs < ROUND_MS * 1e6);
  return (calls * rows * 1e3) / elapsedNs;
}

interface Measured {
  readonly name: string;
  readonly other: string;
  /** Million rows per second, by round. */
  readonly velo: readonly number[];
  readonly beside: readonly number[];
}

function measureInTurn(part: Part): Measured {
  const velo: number[] = [];
  const beside: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    velo.push(measure(part.velo, part.rows));
    beside.push(measure(part.alternative, part.rows));
  }
  return { name: part.name, other: part.other, velo, beside };
}

async function measureExchange(): Promise<Measured[]> {
  const threads = new ExchangeThreads(RING_SLOTS);
  const measured: Measured[] = [];
  for (const part of exchangeParts(threads, EXCHANGED_ROWS)) {
    const { velo, other } = await measureThreaded(part, ROUNDS);
    measured.push({ name: part.name, other: part.other, velo, beside: other });
  }
  await threads.close();
  return measured;
}

async function main(): Promise<void> {
  const table = new Table({
    head: ['part', 'velo M rows/s', 'beside', 'M rows/s', 'ratio'],
    colAligns: ['left', 'right', 'left', 'right', 'right'],
    style: { head: [], border: [] },
  });
  const parts = [await kernelPart(), ...groupParts(), internPart(), decoderPart(), arenaPart()].map(
    measureInTurn,
  );
  for (const { name, other, velo, beside } of [...parts, ...(await measureExchange())]) {
    const ratios = velo.map((rate, at) => rate / (beside[at] as number));
    table.push([
      name,
      median(velo).toFixed(1),
      other,
      median(beside).toFixed(1),
      `${median(ratios).toFixed(1)} ×`,
    ]);
  }
  const overheads = overheadTable(await measureOverheads(overheadParts()));
  process.stdout.write(`${table.toString()}\n${overheads.text}\n`);
  if (!overheads.met) process.exitCode = 1;
}

await main();
