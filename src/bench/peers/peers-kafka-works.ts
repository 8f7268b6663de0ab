/**
 * What velo and Flink do with the trades of a topic in the peer benchmark: the same three works in
 * both dialects, and what must come out. Owns the SQL and the expectations; who runs it when is
 * peers-kafka.ts.
 */
import { expectBuiltin, expectFinalGroups } from '../scenario/expectation.js';
import type { Expectation } from '../scenario/expectation-trades.js';
import { symbolOf, traderOf } from '../scenario/group-places.js';
import type { FixtureOptions, Scenario } from '../scenario/scenario.js';
import { selectScenarios, timeBaseMs } from '../scenario/scenario.js';
import { textHash } from '../scenario/text-hash.js';

export interface KafkaWork {
  readonly name: 'S0' | 'S2 EMIT FINAL' | 'S3a';
  /** velo's SQL over the generator table of the scenarios, which is read from the topic. */
  readonly veloText: string;
  /** Flink's query over the table `market_data`, and the columns that it gives. */
  readonly flinkQuery: string;
  readonly flinkColumns: string;
  /** Flink's mini-batch changes what this work costs: an aggregate without a window. */
  readonly miniBatch: boolean;
  /** Flink's table has an event time. */
  readonly windowed: boolean;
  readonly expected: Expectation;
  /** The expected sums of Flink's BIGINT columns, in their order. */
  readonly flinkSums: readonly string[];
}

/** The fixture of the scenarios with trades. */
export function tradesScenario(): Scenario {
  return selectScenarios('2')[0] as Scenario;
}

const SELECTED = 'trader_id, symbol, price, quantity, trade_time';
const SELECT = `SELECT ${SELECTED} FROM market_data WHERE price > 100`;
const AGGREGATES = `trader_id, symbol, COUNT(*) AS trade_count, AVG(price) AS avg_price,
  SUM(quantity) AS total_quantity, SUM(price * quantity) AS total_value`;
const GROUP_COLUMNS =
  'trader_id STRING, symbol STRING, trade_count BIGINT, avg_price DOUBLE, ' +
  'total_quantity BIGINT, total_value DOUBLE';

export function kafkaWorks(fixture: FixtureOptions): readonly KafkaWork[] {
  const { text } = tradesScenario();
  const declaration = text.slice(0, text.indexOf(');') + 2);
  return [
    {
      name: 'S0',
      veloText: `${declaration}\n${SELECT};`,
      flinkQuery: SELECT,
      flinkColumns:
        'trader_id STRING, symbol STRING, price DOUBLE, quantity BIGINT, trade_time BIGINT',
      miniBatch: false,
      windowed: false,
      expected: expectSelected(fixture),
      flinkSums: ['quantity', 'trade_time'],
    },
    {
      name: 'S2 EMIT FINAL',
      veloText: text.replace(/;\s*$/, ' EMIT FINAL;'),
      flinkQuery: `SELECT ${AGGREGATES} FROM market_data GROUP BY trader_id, symbol`,
      flinkColumns: GROUP_COLUMNS,
      miniBatch: true,
      windowed: false,
      expected: expectFinalGroups(fixture),
      flinkSums: ['trade_count', 'total_quantity'],
    },
    {
      name: 'S3a',
      veloText: (selectScenarios('3a')[0] as Scenario).text,
      flinkQuery:
        `SELECT ${AGGREGATES} FROM TABLE(TUMBLE(TABLE market_data, DESCRIPTOR(ts), ` +
        "INTERVAL '1' MINUTE)) GROUP BY trader_id, symbol, window_start, window_end",
      flinkColumns: GROUP_COLUMNS,
      miniBatch: false,
      windowed: true,
      expected: expectBuiltin('3a', fixture),
      flinkSums: ['trade_count', 'total_quantity'],
    },
  ];
}

/** The rows of SELECT, by a plain loop. */
function expectSelected({ records, groups, stepMs }: FixtureOptions): Expectation {
  const traders = Array.from({ length: groups }, (_, at) => textHash(traderOf(at)));
  const symbols = Array.from({ length: groups }, (_, at) => textHash(symbolOf(at, groups)));
  const selected = new Float64Array(groups);
  let rows = 0;
  let price = 0;
  let quantity = 0;
  let time = 0n;
  for (let i = 0; i < records; i += 1) {
    if (i % 50 === 0) continue;
    rows += 1;
    price += 100 + (i % 50);
    quantity += 100 + (i % 1000);
    time += BigInt(timeBaseMs(stepMs) + i * stepMs);
    selected[i % groups] = (selected[i % groups] as number) + 1;
  }
  const hashed = (hashes: readonly number[]): bigint =>
    hashes.reduce((sum, hash, at) => sum + BigInt(hash) * BigInt(selected[at] as number), 0n);
  return {
    rows,
    sums: {
      trader_id: hashed(traders),
      symbol: hashed(symbols),
      price,
      quantity: BigInt(quantity),
      trade_time: time,
    },
  };
}
