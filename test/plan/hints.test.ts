/** Hints that can be typed in: the CAST that was missing, and how a source is given an end. */
import { describe, expect, it } from 'vitest';
import { SqlFaults } from '../../src/base/errors.js';
import { compileJob } from '../../src/job.js';

const TABLES = `CREATE TABLE k (i BIGINT, d DOUBLE, s STRING, ts TIMESTAMP(3)) WITH ('connector' = 'kafka',
  'topic' = 't', 'properties.bootstrap.servers' = 'localhost:1', 'format' = 'json');
CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator');
CREATE TABLE f (i BIGINT) WITH ('connector' = 'file', 'path' = 'x.jsonl', 'format' = 'json', 'follow' = 'true');
`;

async function hintOf(sql: string): Promise<string | undefined> {
  try {
    await compileJob({
      source: { name: 'hints.sql', text: TABLES + sql },
      variables: () => undefined,
      settings: {},
      changelog: false,
      redirects: new Map(),
      limit: null,
    });
  } catch (error) {
    expect(error).toBeInstanceOf(SqlFaults);
    if (error instanceof SqlFaults) return error.faults[0]?.hint;
  }
  return undefined;
}

describe('a hint', () => {
  it.each([
    ['SELECT i + s FROM k', 'write CAST(s AS BIGINT)'],
    ['SELECT s * d FROM k', 'write CAST(s AS DOUBLE)'],
    ['SELECT i FROM k WHERE s > 5', 'write CAST(s AS BIGINT)'],
    ['SELECT i FROM k WHERE ts = s', 'write CAST(s AS TIMESTAMP(3))'],
    ['SELECT SUM(s) FROM k EMIT CHANGES', 'write CAST(s AS DOUBLE)'],
    ['SELECT UPPER(i) FROM k', 'write CAST(i AS VARCHAR)'],
    [
      "SELECT UPPER(s || 'a text that is not repeated in a hint') > 5 FROM k",
      'write CAST(… AS BIGINT)',
    ],
    ['SELECT s + s FROM k', 'join texts with ||'],
    ['SELECT s - s FROM k', 'convert one side with CAST(… AS …)'],
  ])('to %s: %s', async (sql, hint) => {
    expect(await hintOf(sql)).toBe(hint);
  });

  it.each([
    ['k', `give "k" an end: 'scan.bounded.mode' = 'latest-offset'`],
    ['g', 'give "g" an end: a number of rows'],
    ['f', `give "f" an end: no 'follow'`],
  ])('says how %s ends', async (table, end) => {
    expect(await hintOf(`SELECT COUNT(*) FROM ${table} EMIT FINAL`)).toBe(
      `add a WINDOW, write EMIT CHANGES, or ${end}`,
    );
    expect(await hintOf(`SELECT i FROM ${table} ORDER BY i`)).toBe(`group by a WINDOW, or ${end}`);
  });
});
