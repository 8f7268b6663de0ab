/**
 * `velo test` as a user meets it: cases on V1 and V2, what is shown of a difference, exit codes,
 * tables in place of topics, time that stands still, --update, --json and --junit.
 */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { velo } from '../support/velo-process.js';
import type { VeloRun } from '../support/velo-process.js';

const folder = mkdtempSync(join(tmpdir(), 'velo-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes files below a folder of their own and runs `velo test . …` there. */
async function tested(
  name: string,
  files: Readonly<Record<string, string>>,
  flags: readonly string[] = [],
): Promise<VeloRun & { read(file: string): string }> {
  const cwd = join(folder, name);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, file)), { recursive: true });
    writeFileSync(join(cwd, file), text);
  }
  // A folder of its own shows what is left behind.
  const temporary = join(folder, `${name}-tmp`);
  mkdirSync(temporary, { recursive: true });
  const run = await velo(['test', '.', ...flags], { cwd, env: { TMPDIR: temporary } });
  expect(readdirSync(temporary).filter((left) => left.startsWith('velo-case-'))).toEqual([]);
  return { ...run, read: (file) => readFileSync(join(cwd, file), 'utf8') };
}

/** Sums per k of an input, sorted, beside these rows. */
function sums(rows: string, more = ''): string {
  return `=== about
Sums per key
=== input t.jsonl
{"k":"a","v":3}
{"k":"b","v":4}
{"k":"a","v":5}
=== sql
CREATE TABLE t (k STRING, v BIGINT) WITH ('connector' = 'file', 'path' = '\${DIR}/t.jsonl', 'format' = 'json');
SELECT k, SUM(v) AS total FROM t GROUP BY k ORDER BY k EMIT FINAL;
${more}=== rows
${rows}`;
}

const RIGHT = '{"k":"a","total":8}\n{"k":"b","total":4}\n';
const WRONG = '{"k":"a","total":8}\n{"k":"b","total":5}\n';

/** A job that reads one topic and writes another, at brokers that are not there. */
const JOB = `CREATE TABLE orders (customer STRING, amount DOUBLE, ts TIMESTAMP(3)) WITH ('connector' = 'kafka',
  'topic' = 'orders', 'properties.bootstrap.servers' = 'localhost:1', 'format' = 'json');
CREATE TABLE sums (customer STRING, total DOUBLE) WITH ('connector' = 'kafka', 'topic' = 'sums',
  'properties.bootstrap.servers' = 'localhost:1', 'format' = 'json');
INSERT INTO sums SELECT customer, SUM(amount) AS total FROM orders GROUP BY customer EMIT FINAL;
`;

describe('velo test', () => {
  it('runs every case below a folder on V1 and V2', async () => {
    const files = { 'a.case': sums(RIGHT), 'deep/er/b.case': sums(RIGHT), 'c.txt': 'no case' };
    const { exit, stdout, stderr } = await tested('all', files);
    expect(stdout).toBe('ok    a.case  v1, v2 2×2\nok    deep/er/b.case  v1, v2 2×2\n');
    expect(stderr).toBe('2 passed\n');
    expect(exit).toBe(0);
  });

  it('shows which rows are missing and which came instead, once for engines that agree', async () => {
    const files = { 'bad.case': sums(WRONG), 'good.case': sums(RIGHT) };
    const { exit, stdout, stderr } = await tested('wrong', files);
    expect(stdout).toBe(
      'FAIL  bad.case\n      Sums per key\n      v1, v2 2×2\n' +
        '      - {"k":"b","total":5}\n      + {"k":"b","total":4}\n' +
        'ok    good.case  v1, v2 2×2\n',
    );
    expect(stderr).toBe('1 passed · 1 failed\n');
    expect(exit).toBe(1);
  });

  it('takes the order of the rows from the query', async () => {
    const reversed = RIGHT.trim().split('\n').reverse().join('\n');
    const { exit, stdout } = await tested('order', { 'a.case': sums(`${reversed}\n`) });
    expect(exit).toBe(1);
    expect(stdout).toContain('the same rows in another order, from row 1 on');
    const free = sums(`${reversed}\n`).replace('=== rows', '=== rows unordered');
    expect((await tested('free', { 'a.case': free })).exit).toBe(0);
  });

  it('runs a file of the user, with rows in place of a topic, and writes to no topic', async () => {
    const files = {
      'jobs/orders.sql': JOB,
      'cases/sums.case': `=== sql ../jobs/orders.sql
=== table orders
{"customer":"a","amount":3,"ts":"2024-03-01 10:00:00"}
{"customer":"a","amount":1.5,"ts":"2024-03-01 10:00:00"}
=== rows into sums
{"customer":"a","total":4.5}
`,
      'cases/csv.case': `=== sql ../jobs/orders.sql
=== table ORDERS csv
customer,amount,ts
b,2,2024-03-01 10:00:00
=== rows
{"customer":"b","total":2}
`,
    };
    const { exit, stdout, stderr } = await tested('job', files);
    expect(stdout + stderr).toMatch(/^ok .*\nok .*\n2 passed\n$/);
    expect(exit).toBe(0);
  });

  it('stops a job without end, and says which table wants rows', async () => {
    const text = `=== sql
CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows-per-second' = '1');
SELECT i FROM g;
=== rows
`;
    const flags = ['--timeout', '100ms', '--arch', 'v1'];
    const { exit, stdout } = await tested('endless', { 'a.case': text }, flags);
    expect(exit).toBe(1);
    expect(stdout).toContain('the job had not ended after 0.1 s');
    expect(stdout).toContain('give it rows with "=== table g"');
  });

  it('reads every record at the time of the case, on V1 and on each worker of V2', async () => {
    const text = `=== sql
CREATE TABLE t (a BIGINT) WITH ('connector' = 'file', 'path' = '\${DIR}/t.jsonl', 'format' = 'json');
SELECT a, NOW() AS at, CURRENT_DATE AS day FROM t;
=== now 2024-02-29 23:59:59.5
=== input t.jsonl
{"a":1}
{"a":2}
=== rows
{"a":1,"at":1709251199500,"day":"2024-02-29"}
{"a":2,"at":1709251199500,"day":"2024-02-29"}
`;
    const flags = ['--partitions', '1,3', '--workers', '1,2'];
    const { exit, stdout } = await tested('now', { 'a.case': text }, flags);
    expect(stdout).toBe('ok    a.case  v1, v2 1×1, v2 1×2, v2 3×1, v2 3×2\n');
    expect(exit).toBe(0);
  });

  it('points at the case file where its SQL is at fault, and knows an expected error', async () => {
    const fault = `=== about
x
=== sql
SELECT 1 AS a,
       b;
=== rows
`;
    const expected = fault.replace('=== rows', '=== error\nVELO_COLUMN_NOT_FOUND\ncolumn "b"');
    const files = { 'a.case': fault, 'b.case': expected };
    const { exit, stdout } = await tested('fault', files, ['--arch', 'v1']);
    expect(stdout).toContain('the job failed');
    expect(stdout).toContain(' --> a.case:5:8');
    expect(stdout).toContain('5 |        b;');
    expect(stdout).toContain('ok    b.case');
    expect(exit).toBe(1);
  });

  it('keeps to the flags of a case: --changelog, --on-error, --set', async () => {
    const text = `=== input t.jsonl
{"k":"a","v":3}
{"k":"a","v":"x"}
{"k":"a","v":5}
=== sql
CREATE TABLE t (k STRING, v BIGINT) WITH ('connector' = 'file', 'path' = '\${DIR}/t.jsonl', 'format' = 'json');
SELECT k, SUM(v) AS total FROM t GROUP BY k EMIT CHANGES;
=== flags
--changelog --on-error=skip
--set emit.changes=delta
=== rows
{"op":"+I","k":"a","total":3}
{"op":"-U","k":"a","total":3}
{"op":"+U","k":"a","total":8}
`;
    const { exit, stdout, stderr } = await tested('flags', { 'a.case': text });
    expect(stdout + stderr).toBe('ok    a.case  v1, v2 2×2\n1 passed\n');
    expect(exit).toBe(0);
  });

  it('leaves out what V1 only cases say of V2, and says so', async () => {
    const only = sums(RIGHT, '=== partitions v1 only\n');
    const { exit, stdout, stderr } = await tested('only', { 'a.case': only }, ['--arch', 'v2']);
    expect(stdout).toBe('skip  a.case\n');
    expect(stderr).toBe('0 passed · 1 skipped\n');
    expect(exit).toBe(0);
  });
});

describe('a faulty case file', () => {
  it('is named with its line, and the others run', async () => {
    const files = {
      'a.case': sums(RIGHT).replace('=== about', '=== abot'),
      'b.case': sums(RIGHT),
      'c.case': `=== sql missing.sql\n=== rows\n`,
      'd.case': sums(RIGHT).replace('=== input t.jsonl', '=== table u'),
      'e.case': '=== sql\nSELECT 1 AS a;\n',
    };
    const { exit, stdout, stderr } = await tested('faulty', files, ['--arch', 'v1']);
    expect(exit).toBe(2);
    expect(stdout).toBe('ok    b.case  v1\n');
    expect(stderr).toContain(
      'error[VELO_CASE_INVALID]: there is no section "abot"\n --> a.case:1:1',
    );
    expect(stderr).toContain('hint: did you mean "about"?');
    expect(stderr).toContain('error[VELO_SQL_FILE_MISSING]: SQL file "missing.sql"');
    expect(stderr).toContain('the SQL declares no table "u"\n --> d.case:3:11');
    expect(stderr).toContain('the case expects nothing\n --> e.case:1:1');
    expect(stderr).toContain('1 passed · 4 faulty');
  });

  it('may be no text', async () => {
    const cwd = join(folder, 'bytes');
    mkdirSync(cwd);
    writeFileSync(join(cwd, 'a.case'), Buffer.of(0x3d, 0xff, 0xfe));
    const { exit, stderr } = await velo(['test', 'a.case'], { cwd });
    expect({ exit, stderr }).toEqual({
      exit: 2,
      stderr:
        'error[VELO_CASE_INVALID]: "a.case" is no UTF-8\nhint: save it as UTF-8\n0 passed · 1 faulty\n',
    });
  });

  it('is there to be found', async () => {
    const cwd = join(folder, 'none');
    mkdirSync(cwd);
    for (const path of ['.', 'nowhere']) {
      const { exit, stderr } = await velo(['test', path], { cwd });
      expect(exit).toBe(2);
      expect(stderr).toContain(path === '.' ? '"." holds no case file' : 'cannot be read (ENOENT)');
    }
  });
});

describe('flags of velo test', () => {
  it('--filter takes cases by their path or their about', async () => {
    const files = { 'a.case': sums(RIGHT), 'b.case': sums(RIGHT).replace('Sums per', 'Late') };
    const late = await tested('filter', files, ['--filter', 'LATE', '--arch', 'v1']);
    expect(late.stdout).toBe('ok    b.case  v1\n');
    const named = await tested('filter', files, ['--filter', 'a.c', '--arch', 'v1']);
    expect(named.stdout).toBe('ok    a.case  v1\n');
    const none = await tested('filter', files, ['--filter', 'zzz']);
    expect(none.exit).toBe(2);
    expect(none.stderr).toContain('no case has "zzz"');
  });

  it('--update writes what came out, and the case holds from then on', async () => {
    const files = {
      'bad.case': sums(WRONG, '=== exit 0\n'),
      'new.case': sums('').replace('=== rows\n', ''),
    };
    const { exit, stdout, read } = await tested('update', files, ['--update']);
    expect(stdout).toBe(
      'ok    bad.case  v1, v2 2×2 · written\nok    new.case  v1, v2 2×2 · written\n',
    );
    expect(exit).toBe(0);
    expect(read('bad.case')).toBe(sums(RIGHT, '=== exit 0\n'));
    expect(read('new.case')).toBe(sums(RIGHT));
    const again = await tested('update', {}, ['--update', '--arch', 'v1']);
    expect(again.stdout).toBe('ok    bad.case  v1\nok    new.case  v1\n');
  });

  it('--json and --junit hold every run, with secrets redacted', async () => {
    const secret = 'hunter2hunter2';
    const leaky = `=== sql
CREATE TABLE t (a STRING) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json',
  'properties.bootstrap.servers' = 'localhost:1', 'properties.sasl.password' = '${secret}');
SELECT a FROM t;
=== table t
{"a":"${secret}"}
=== rows
{"a":"\\u001b[31m"}
`;
    const files = { 'a.case': leaky, 'b.case': sums(RIGHT), 'c.case': '=== sql\n' };
    const flags = ['--json', '--junit', 'out.xml'];
    const { exit, stdout, read } = await tested('reports', files, flags);
    expect(exit).toBe(2);
    const document = JSON.parse(stdout) as { cases: { runs: { engine: unknown }[] }[] };
    expect(document).toMatchObject({
      schema: 1,
      passed: 1,
      failed: 1,
      faulty: 1,
      skipped: 0,
      cases: [{ file: 'a.case', status: 'failed' }, { status: 'passed' }, { status: 'faulty' }],
    });
    expect(document.cases[1]?.runs.map(({ engine }) => engine)).toEqual([
      { arch: 'v1', partitions: 1, workers: 1 },
      { arch: 'v2', partitions: 2, workers: 2 },
    ]);
    const xml = read('out.xml');
    expect(xml.match(/<testcase /g)).toHaveLength(5);
    expect(xml.match(/<failure /g)).toHaveLength(2);
    for (const text of [stdout, xml]) expect(text).not.toContain(secret);
    const unwritable = await tested('reports', {}, ['--junit', 'no/such.xml', '--arch', 'v1']);
    expect(unwritable.stderr).toContain('--junit cannot write "no/such.xml"');
    expect(unwritable.exit).toBe(2);
  });

  it('--quiet shows only what failed', async () => {
    const files = { 'a.case': sums(RIGHT), 'b.case': sums(WRONG) };
    const { stdout, stderr } = await tested('quiet', files, ['-q', '--arch', 'v1']);
    expect(stdout).toMatch(/^FAIL {2}b\.case\n/);
    expect(stdout).not.toContain('a.case');
    expect(stderr).toBe('');
  });
});
