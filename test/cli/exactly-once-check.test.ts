/**
 * What keeps tables of a job from being written exactly once together, told by `velo check`,
 * `velo explain` and `velo run` before any cluster is asked.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { velo } from '../support/velo-process.js';

const folder = mkdtempSync(join(tmpdir(), 'velo-exactly-once-check-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Nobody is asked: there is no such port. */
const NOBODY = 'localhost:1';

function sink(name: string, topic: string, options: Readonly<Record<string, string>> = {}): string {
  const all = {
    connector: 'kafka',
    topic,
    format: 'json',
    'properties.bootstrap.servers': NOBODY,
    'sink.delivery-guarantee': 'exactly-once',
    ...options,
  };
  const list = Object.entries(all).map(([key, value]) => `'${key}' = '${value}'`);
  return `CREATE TABLE ${name} (i BIGINT) WITH (${list.join(', ')});\n`;
}

const SOURCE = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '5');\n`;
const BOTH = 'INSERT INTO a SELECT i FROM g; INSERT INTO b SELECT i FROM g;';
const SHORT = { 'properties.transaction.timeout.ms': '5000' };

const REFUSED: readonly (readonly [string, string, string])[] = [
  [
    'two clusters',
    sink('a', 'x') + sink('b', 'y', { 'properties.bootstrap.servers': 'localhost:2' }),
    'are written exactly once and on two clusters: a transaction is of one',
  ],
  ['one topic twice', sink('a', 'x') + sink('b', 'x'), 'topic "x" is written exactly once by two'],
];

function fileOf(name: string, sql: string): string {
  const path = join(folder, `${name.replaceAll(' ', '-')}.sql`);
  writeFileSync(path, sql);
  return path;
}

describe('tables that are written exactly once', () => {
  it.each(REFUSED)('are not %s', async (name, tables, message) => {
    const file = fileOf(name, SOURCE + tables + BOTH);
    for (const args of [
      ['check', file],
      ['explain', file],
      ['run', file, '--checkpoint-dir', join(folder, 'state')],
    ]) {
      const { exit, stderr } = await velo(args);
      expect({ exit, stderr }).toMatchObject({ exit: 2 });
      expect(stderr, args.join(' ')).toContain('error[VELO_SETTING_INVALID]');
      expect(stderr, args.join(' ')).toContain(message);
    }
  });

  it('leave a transaction open for longer than a checkpoint takes to come', async () => {
    const file = fileOf('short', `${SOURCE}${sink('a', 'x', SHORT)}INSERT INTO a SELECT i FROM g;`);
    for (const args of [
      ['check', file],
      ['run', file, '--checkpoint-dir', join(folder, 'state')],
    ]) {
      const { exit, stderr } = await velo(args);
      expect({ exit, stderr }).toMatchObject({ exit: 2 });
      expect(stderr, args.join(' ')).toContain(
        'option "properties.transaction.timeout.ms" of table "a" cannot be "5000": a transaction is open from checkpoint to checkpoint, for 10000 ms',
      );
    }
    const env = { VELO_CHECKPOINT_INTERVAL: '2s' };
    const checked = await velo(['check', file], { env });
    expect(checked).toMatchObject({ exit: 0 });
  });

  it('may be several topics of one cluster, however its brokers are listed', async () => {
    const servers = (list: string): Readonly<Record<string, string>> => ({
      'properties.bootstrap.servers': list,
    });
    const tables = sink('a', 'x', servers('one:1,two:2')) + sink('b', 'y', servers('two:2, one:1'));
    const { exit, stderr } = await velo(['check', fileOf('one cluster', SOURCE + tables + BOTH)]);
    expect({ exit, stderr }).toMatchObject({ exit: 0 });
  });
});
