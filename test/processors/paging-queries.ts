/**
 * Random GROUP BY queries over a file of records, most of whose keys are rare and some common: what
 * the tests of state that goes to disk run. Owns the file, the table and the queries; a seed gives
 * the same ones. Sums of DOUBLE are exact in any order: numbers are multiples of 1/4.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { Random } from '../oracle/random-data.js';

export const ROWS = 12_000;

export const folder = mkdtempSync(join(tmpdir(), 'velo-paging-'));
const EVENTS = join(folder, 'events.jsonl');

/** Half of the records are of few keys. */
function keyOf(random: Random): number {
  return random.chance(50) ? random.below(20) : random.below(6000);
}

function eventOf(random: Random): string {
  const key = keyOf(random);
  const orNull = (text: string): string => (random.chance(5) ? 'null' : text);
  return `{${[
    `"t": ${orNull(`"k${key}${key % 7 === 0 ? ' with a longer name, über 40 bytes of it' : ''}"`)}`,
    `"n": ${orNull(key % 5 === 0 ? `9107199254${740_000 + key}` : String(key - 500))}`,
    `"x": ${orNull(String(key / 4))}`,
    `"v": ${orNull(String(random.below(1000) - 300))}`,
    `"w": ${orNull(String(random.below(4000) / 4))}`,
    `"s": ${orNull(`"s${random.below(300)}"`)}`,
  ].join(', ')}}`;
}

beforeAll(() => {
  const random = new Random(20_261_130);
  const lines = Array.from({ length: ROWS }, () => eventOf(random));
  writeFileSync(EVENTS, `${lines.join('\n')}\n`);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const KEYS = ['t', 'n', 'x', 'n % 900', 'SUBSTRING(t, 1, 4)', 'x > 700'] as const;

const AGGREGATES = [
  'COUNT(*)',
  'COUNT(v)',
  'SUM(v)',
  'SUM(w)',
  'SUM(n)',
  'AVG(v)',
  'MIN(v)',
  'MAX(s)',
  'MIN(n)',
  'FIRST_VALUE(s)',
  'LAST_VALUE(v)',
  'COUNT(DISTINCT s)',
  'SUM(DISTINCT v)',
  'MEDIAN(v)',
  'ARRAY_AGG(v)',
] as const;

/** Its keys have hundreds of values at least. */
export function randomGroupBy(random: Random): string {
  const keys = new Set<string>([random.pick(KEYS.slice(0, 3))]);
  while (random.chance(40)) keys.add(random.pick(KEYS));
  const aggregates = new Set<string>([random.pick(AGGREGATES)]);
  while (random.chance(60)) aggregates.add(random.pick(AGGREGATES));
  const columns = [
    ...[...keys].map((key, at) => `${key} AS k${at}`),
    ...[...aggregates].map((call, at) => `${call} AS a${at}`),
  ];
  const where = random.chance(20) ? ' WHERE v > -200' : '';
  const having = random.chance(20) ? ' HAVING COUNT(*) > 1' : '';
  return `SELECT ${columns.join(', ')} FROM e${where} GROUP BY ${[...keys].join(', ')}${having} EMIT FINAL`;
}

/** `into`: a file that takes the rows, instead of stdout. */
export function scriptOf(query: string, into = ''): string {
  const insert = into === '' ? '' : `INSERT INTO '${into}' `;
  return `CREATE TABLE e (t STRING, n BIGINT, x DOUBLE, v BIGINT, w DOUBLE, s STRING)
    WITH ('connector' = 'file', 'path' = '${EVENTS}', 'format' = 'json');
${insert}${query};`;
}
