/**
 * The command as a user meets it: exit codes, errors with position and hint, stdout for data and
 * stderr for talk, ^C, formats, bad input of every kind, each in bounded time.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { velo } from '../support/velo-process.js';

const folder = mkdtempSync(join(tmpdir(), 'velo-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function table(path: string, columns: string): string {
  return `CREATE TABLE t (${columns}) WITH ('connector' = 'file', 'path' = '${path}', 'format' = 'json');`;
}

describe('velo run', () => {
  const path = file(
    't.jsonl',
    '{"id":1,"s":"a"}\n{"id":2,"s":"b,c"}\n{"id":9007199254740993,"s":null}\n',
  );
  const sql = file('q.sql', `${table(path, 'id BIGINT, s STRING')}\nSELECT id, s FROM t;`);

  it('writes JSON lines when piped, talk on stderr, no escape codes', async () => {
    const { exit, stdout, stderr } = await velo(['run', sql]);
    expect(exit).toBe(0);
    expect(stdout).toBe('{"id":1,"s":"a"}\n{"id":2,"s":"b,c"}\n{"id":9007199254740993,"s":null}\n');
    expect(stderr).toMatch(/^v1 · 1 partition · 1 worker · source t \(file\)/);
    expect(stderr).toMatch(/3 in · 3 out · 0 failed/);
    expect(stderr + stdout).not.toContain('\u001b');
  });

  it('writes CSV, Markdown and a table', async () => {
    expect((await velo(['run', sql, '--format', 'csv', '-q'])).stdout).toBe(
      'id,s\n1,a\n2,"b,c"\n9007199254740993,\n',
    );
    expect((await velo(['run', sql, '--format', 'markdown', '-q'])).stdout).toMatch(
      /\| *id *\| *s *\|/,
    );
    const { stdout } = await velo(['run', sql, '--format', 'table', '-q']);
    expect(stdout).toMatch(/│ +9007199254740993 │/);
  });

  it('reads SQL from stdin and from -e', async () => {
    const query = `SELECT s FROM '${path}' WHERE id = 1`;
    expect((await velo(['run', '-', '-q'], { stdin: query })).stdout).toBe('{"s":"a"}\n');
    expect((await velo(['run', '-q', '-e', query])).stdout).toBe('{"s":"a"}\n');
  });

  it('is meant by a SQL file, SQL text or a flag that stands where a command would', async () => {
    const query = `SELECT s FROM '${path}' WHERE id = 1`;
    const rows = '{"s":"a"}\n';
    expect((await velo([query, '-q'])).stdout).toBe(rows);
    expect((await velo(['-q', query])).stdout).toBe(rows);
    expect((await velo(['run', '-q', query])).stdout).toBe(rows);
    expect((await velo(['-q', '-'], { stdin: query })).stdout).toBe(rows);
    expect((await velo([file('short.sql', query), '-q'])).stdout).toBe(rows);
    // A name with a space in it is still a file's.
    expect((await velo(['run', '-q', file('my query', query)])).stdout).toBe(rows);
  });

  it('says where the fault of a SQL argument is, and which file or command there is not', async () => {
    const fault = await velo(['SELEKT 1']);
    expect(fault.exit).toBe(2);
    expect(fault.stderr).toContain(' --> sql:1:1\n1 | SELEKT 1');
    expect((await velo(['none.sql'])).stderr).toContain('SQL file "none.sql" cannot be read');
    expect((await velo(['rnu'])).stderr).toContain("unknown command 'rnu'");
    const data = await velo([path]);
    expect(data.exit).toBe(2);
    expect(data.stderr).toContain('is no SQL: it looks like JSON');
    expect(data.stderr).toContain(`velo run -e "SELECT * FROM '`);
    expect((await velo(['--frob'])).stderr).toContain("unknown option '--frob'");
  });

  it('writes where --to and a quoted INSERT INTO say', async () => {
    const [to, other] = [join(folder, 'to.csv'), join(folder, 'other.csv')];
    const query = `SELECT s FROM '${path}' WHERE id < 3; INSERT INTO '${other}' SELECT 1 AS a`;
    expect(await velo([query, '-q', '--to', to])).toMatchObject({ exit: 0, stdout: '' });
    expect(readFileSync(to, 'utf8')).toBe('s\na\n"b,c"\n');
    expect(readFileSync(other, 'utf8')).toBe('a\n1\n');
    const twice = `INSERT INTO '${to}' SELECT 1 AS x; INSERT INTO '${to}?format=csv' SELECT 2 AS x`;
    expect((await velo([twice, '-q', '--partitions', '2'])).exit).toBe(0);
    expect(readFileSync(to, 'utf8')).toMatch(/^x\n(1\n2|2\n1)\n$/);
    const fault = await velo([`INSERT INTO '${to}?formt=csv' SELECT 1 AS x`]);
    expect(fault.stderr).toContain('unknown option "formt"');
    expect((await velo([`INSERT INTO '${to}' SELECT 1 AS x`, '--to', other])).stderr).toContain(
      '--to has nothing to write',
    );
    expect((await velo(['SELECT 1 AS x', '--to', `${to}?formt=csv`])).exit).toBe(2);
  });

  it.each([
    ['SELECT * FROM access.jsonl', 'access.jsonl'],
    ['SELECT * FROM logs/a.jsonl WHERE x > 1', 'logs/a.jsonl'],
    ['INSERT INTO out.csv SELECT 1', 'out.csv'],
  ])('%s: the hint says to quote the name', async (query, name) => {
    expect((await velo([query])).stderr).toContain(`hint: quote names of files: '${name}'`);
  });

  it('reads and writes pipes by the name -', async () => {
    const stdin = '{"a":1}\n{"a":2}\n';
    expect((await velo(["SELECT a FROM '-' WHERE a > 1", '-q'], { stdin })).stdout).toBe(
      '{"a":2}\n',
    );
    const sink = `CREATE TABLE o (a BIGINT) WITH ('connector' = 'file', 'path' = '-', 'format' = 'csv');`;
    const { stdout } = await velo([`${sink} INSERT INTO o SELECT a FROM '-'`, '-q'], { stdin });
    expect(stdout).toBe('a\n1\n2\n');
  });

  it('a file that is no UTF-8 is an error at its first bad byte, in every command', async () => {
    const text = Buffer.from("-- \ufffd is a character, ü too\nSELECT 'caf\u00e9' AS a", 'utf8');
    const latin = Buffer.concat([
      text.subarray(0, -8),
      Buffer.of(0xe9, 0x27),
      Buffer.from(' AS a'),
    ]);
    const path = file('latin.sql', latin);
    for (const command of ['run', 'explain', 'check', 'config']) {
      const { exit, stderr } = await velo([command, path]);
      expect(stderr).toContain('error[VELO_SYNTAX]: byte 0xe9 is no UTF-8');
      expect(stderr).toContain(`${path}:2:12`);
      expect(exit).toBe(2);
    }
    const { stderr } = await velo([
      'run',
      file('wide.sql', Buffer.from('\ufeffSELECT 1', 'utf16le')),
    ]);
    expect(stderr).toContain('looks like UTF-16');
  });

  it('stops at --limit and says so', async () => {
    const { stdout, stderr } = await velo([
      'run',
      '-e',
      `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator'); SELECT i FROM g`,
      '--limit',
      '3',
    ]);
    expect(stdout.trim().split('\n')).toHaveLength(3);
    expect(stderr).toContain('LIMIT reached');
  });

  it('stops after --duration, leaving open windows unemitted', async () => {
    const query = `CREATE TABLE g (i BIGINT, ts BIGINT AS i) WITH ('connector' = 'generator', 'rows-per-second' = '1000');
      SELECT COUNT(*) AS n FROM g WINDOW TUMBLING(ts, 1h) EMIT FINAL`;
    const { exit, stdout, stderr } = await velo(['run', '-e', query, '--duration', '300ms']);
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: '' });
    expect(stderr).toContain('duration over');
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends cleanly after %s with exit %i and a summary', async (name, code) => {
    const query = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows-per-second' = '1000'); SELECT i FROM g`;
    let interrupt: () => void = () => undefined;
    const { exit, stderr } = await velo(['run', '-e', query], {
      started: (signal) => {
        interrupt = () => {
          signal(name);
          interrupt = () => undefined;
        };
      },
      stdout: () => interrupt(),
    });
    expect(exit).toBe(code);
    expect(stderr).toMatch(/stopped · [\d,]+ in · [\d,]+ out/);
  });

  it('ends quietly when the reader of stdout goes away', async () => {
    const query = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator'); SELECT i FROM g`;
    const script = file(
      'head.sh',
      `"$0" "$1" run -q -e "${query}" | head -n 2\nexit \${PIPESTATUS[0]}`,
    );
    const { spawnSync } = await import('node:child_process');
    const { VELO } = await import('../support/velo-process.js');
    const run = spawnSync('bash', ['-c', readFileSync(script, 'utf8'), process.execPath, VELO], {
      timeout: 240_000,
      encoding: 'utf8',
    });
    expect(run.stdout).toBe('{"i":0}\n{"i":1}\n');
    expect(run.stderr).toBe('');
    expect(run.status).toBe(0);
  });

  it('ends quietly when nobody reads its help', async () => {
    const { spawn } = await import('node:child_process');
    const { VELO } = await import('../support/velo-process.js');
    const child = spawn(process.execPath, [VELO, '--help']);
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const exit = await new Promise((resolve) => child.once('close', resolve));
    expect(stderr).toBe('');
    expect(exit).toBe(0);
  });

  it('writes statistics as JSON', async () => {
    const stats = join(folder, 'stats.json');
    await velo(['run', sql, '--stats-json', stats]);
    const parsed = JSON.parse(readFileSync(stats, 'utf8')) as Record<string, unknown>;
    expect(parsed).toMatchObject({ schema: 1, rowsIn: 3, rowsOut: 3, rowsFailed: 0, rowsLate: 0 });
    expect(parsed['latencyUs']).toMatchObject({ kind: 'service' });
    expect(parsed['partitions']).toMatchObject([{ partition: 0, rowsIn: 3 }]);
  });

  it('reads another source with --source', async () => {
    const fixture = `CREATE TABLE g (i BIGINT, k BIGINT AS i % 2) WITH ('connector' = 'generator', 'rows' = '10'); SELECT * FROM g`;
    const other = file('other.jsonl', '{"i":7,"k":5}\n');
    expect((await velo(['run', '-q', '-e', fixture, '--source', `g=${other}`])).stdout).toBe(
      '{"i":7,"k":5}\n',
    );
  });
});

describe('data errors', () => {
  const good = '{"id":1,"v":2}\n';
  const bad: readonly (readonly [string, string | Uint8Array, string, RegExp])[] = [
    ['a truncated line', `${good}{"id":2,`, 'DECODE', /:2\b/],
    [
      'invalid UTF-8',
      Buffer.concat([
        Buffer.from(`${good}{"id":2,"v":3,"x":"`),
        Buffer.from([0xff, 0xfe]),
        Buffer.from('"}\n'),
      ]),
      'DECODE',
      /:2\b/,
    ],
    ['a wrong type', `${good}{"id":"x","v":1}\n`, 'CONVERT', /:2\b/],
    ['a division by zero', `${good}{"id":2,"v":0}\n`, 'DIVISION_BY_ZERO', /:2\b/],
    ['text that is no JSON', `${good}hello\n`, 'DECODE', /:2\b/],
  ];

  it.each(bad)(
    '%s fails the job with exit 1, naming file and line',
    async (name, content, code, position) => {
      const path = file(`bad-${code}-${name.length}.jsonl`, content);
      const { exit, stderr, stdout } = await velo([
        'run',
        '-e',
        `${table(path, 'id BIGINT, v BIGINT')} SELECT id, 10 / v AS x FROM t`,
      ]);
      expect(exit).toBe(1);
      expect(stderr).toContain(`error[VELO_${code}]`);
      expect(stderr).toMatch(position);
      expect(stderr).toContain(path);
      expect(stderr).toContain('hint:');
      expect(stderr).not.toMatch(/\n\s+at /);
      expect(stdout.split('\n').filter(Boolean).length).toBeLessThanOrEqual(1);
    },
  );

  it.each(bad)('%s is skipped and counted with --on-error skip', async (name, content, code) => {
    const path = file(`skip-${code}-${name.length}.jsonl`, content);
    const { exit, stderr, stdout } = await velo([
      'run',
      '--on-error',
      'skip',
      '-e',
      `${table(path, 'id BIGINT, v BIGINT')} SELECT id, 10 / v AS x FROM t`,
    ]);
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: '{"id":1,"x":5}\n' });
    expect(stderr).toMatch(/2 in · 1 out · 1 failed/);
  });

  it('keeps dead letters with code, message, position and the record', async () => {
    const path = file('dead.jsonl', `${good}{"id":2,"v":0}\nnope\n{"id":4,"v":5}\n`);
    const letters = join(folder, 'letters.jsonl');
    const { exit, stdout } = await velo([
      'run',
      '--on-error',
      'dead-letter',
      '--dead-letter',
      letters,
      '-q',
      '-e',
      `${table(path, 'id BIGINT, v BIGINT')} SELECT id, 10 / v AS x FROM t`,
    ]);
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: '{"id":1,"x":5}\n{"id":4,"x":2}\n' });
    const rows = readFileSync(letters, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const byLine = new Map(rows.map((row) => [(row['source'] as { line: number }).line, row]));
    expect(byLine.get(2)).toMatchObject({
      code: 'VELO_DIVISION_BY_ZERO',
      raw: '{"id":2,"v":0}',
      source: { name: path, partition: 0, offset: 1 },
    });
    expect(byLine.get(3)).toMatchObject({ code: 'VELO_DECODE', raw: 'nope' });
  });

  it('leaves a file sink as it was when the job fails', async () => {
    const path = file('half.jsonl', `${good}nope\n`);
    const target = file('target.jsonl', 'as it was\n');
    const sink = `CREATE TABLE o (id BIGINT) WITH ('connector' = 'file', 'path' = '${target}', 'format' = 'json');`;
    const sql = `${table(path, 'id BIGINT, v BIGINT')} ${sink} INSERT INTO o SELECT id FROM t`;
    expect((await velo(['run', '-q', '-e', sql])).exit).toBe(1);
    expect(readFileSync(target, 'utf8')).toBe('as it was\n');
    expect((await velo(['run', '-q', '--on-error', 'skip', '-e', sql])).exit).toBe(0);
    expect(readFileSync(target, 'utf8')).toBe('{"id":1}\n');
  });

  it('refuses a record of 100 MB by name and reads on', async () => {
    const path = join(folder, 'huge.jsonl');
    const line = Buffer.concat([
      Buffer.from('{"id":2,"v":1,"pad":"'),
      Buffer.alloc(100 << 20, 120),
      Buffer.from('"}\n'),
    ]);
    writeFileSync(path, Buffer.concat([Buffer.from(good), line, Buffer.from('{"id":3,"v":5}\n')]));
    const sql = `${table(path, 'id BIGINT, v BIGINT')} SELECT id FROM t`;
    const failed = await velo(['run', '-e', sql]);
    expect(failed.exit).toBe(1);
    expect(failed.stderr).toContain('error[VELO_RECORD_TOO_LARGE]');
    expect(failed.stderr).toMatch(/huge\.jsonl:2\b/);
    const skipped = await velo(['run', '-q', '--on-error', 'skip', '-e', sql]);
    expect(skipped.stdout).toBe('{"id":1}\n{"id":3}\n');
    rmSync(path);
  });
});

describe('what is wrong before a record is read', () => {
  const cases: readonly (readonly [string, readonly string[], number, string])[] = [
    ['a missing SQL file', ['run', 'no-such-file.sql'], 2, 'VELO_SQL_FILE_MISSING'],
    [
      'a missing data file',
      ['run', '-e', `${table('no-such.jsonl', 'id BIGINT')} SELECT id FROM t`],
      1,
      'VELO_DATA_FILE_MISSING',
    ],
    [
      'a missing quoted file',
      ['run', '-e', "SELECT * FROM 'no-such.jsonl'"],
      1,
      'VELO_DATA_FILE_MISSING',
    ],
    ['a bad flag value', ['run', '--limit', 'many', '-e', 'SELECT 1'], 2, 'VELO_FLAG_INVALID'],
    ['malformed SQL', ['run', '-e', 'SELEC 1'], 2, 'VELO_SYNTAX'],
    [
      'dead letters without a place',
      [
        'run',
        '--on-error',
        'dead-letter',
        '-e',
        `${table('x.jsonl', 'id BIGINT')} SELECT id FROM t`,
      ],
      2,
      'VELO_FLAG_INVALID',
    ],
    [
      'an unknown connector option',
      [
        'run',
        '-e',
        "CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'row' = '5'); SELECT i FROM g",
      ],
      2,
      'VELO_SETTING_INVALID',
    ],
    [
      'a sink that cannot be opened',
      [
        'run',
        '-e',
        "CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '5'); CREATE TABLE o (i BIGINT) WITH ('connector' = 'file', 'path' = '/proc/nope/x.jsonl', 'format' = 'json'); INSERT INTO o SELECT i FROM g",
      ],
      1,
      'VELO_SINK_WRITE',
    ],
  ];

  it.each(cases)('%s', async (_name, args, exit, code) => {
    const run = await velo(args);
    expect(run.stderr).toContain(`error[${code}]`);
    expect(run.exit).toBe(exit);
    expect(run.stderr).not.toMatch(/\n\s+at /);
  });

  it('an unknown flag is exit 2 with a suggestion', async () => {
    const { exit, stderr } = await velo(['run', '--limitt', '5', '-e', 'SELECT 1']);
    expect(exit).toBe(2);
    expect(stderr).toContain('--limit');
  });

  it('a full disk at stdout is an error, never a silent loss', async () => {
    if (!existsSync('/dev/full')) throw new Error('this test needs /dev/full');
    const { spawnSync } = await import('node:child_process');
    const { VELO } = await import('../support/velo-process.js');
    const query =
      "CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '100000'); SELECT i FROM g";
    const run = spawnSync(
      'bash',
      ['-c', `"$0" "$1" run -q -e "${query}" > /dev/full`, process.execPath, VELO],
      { timeout: 240_000, encoding: 'utf8' },
    );
    expect(run.status).toBe(1);
    expect(run.stderr).toContain('error[VELO_SINK_WRITE]');
  });
});

describe('velo check and explain', () => {
  it('reports every fault of every file and exits 2', async () => {
    const one = file(
      'one.sql',
      "CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator');\nSELECT nope1 FROM g;\nSELECT nope2 FROM g;",
    );
    const two = file('two.sql', 'SELECT a FROM nowhere;');
    const { exit, stderr } = await velo(['check', one, two]);
    expect(exit).toBe(2);
    for (const name of ['nope1', 'nope2', 'nowhere', 'one.sql:2:8', 'one.sql:3:8', 'two.sql:1:15'])
      expect(stderr).toContain(name);
  });

  it.each(['ast', 'logical', 'pipeline', 'kernels'])('explains the %s stage', async (stage) => {
    const sql = file(
      'explain.sql',
      "CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '5');\nSELECT i % 3 AS k, COUNT(*) AS n FROM g WHERE i > 1 GROUP BY i % 3 EMIT FINAL;",
    );
    const { exit, stdout } = await velo(['explain', sql, '--stage', stage]);
    expect(exit).toBe(0);
    expect(stdout).toContain(
      stage === 'kernels' ? 'sourceURL=velo-' : stage === 'ast' ? '"kind": "select"' : 'query-1',
    );
  });

  it('every command has --help with an example', async () => {
    for (const command of [
      'run',
      'bench',
      'datagen',
      'explain',
      'check',
      'test',
      'config',
      'completion',
    ]) {
      const { exit, stdout } = await velo([command, '--help']);
      expect(exit).toBe(0);
      expect(stdout).toContain('Example');
    }
  });
});

describe('settings', () => {
  const home = join(folder, 'settings');
  mkdirSync(home);
  writeFileSync(join(home, 'velo.yaml'), 'format: csv\nbatch_size: 5\nemit_changes: delta\n');
  const generator =
    "CREATE TABLE g (i BIGINT, k BIGINT AS i % 2, ts BIGINT AS i) WITH ('connector' = 'generator', 'rows' = '3');";
  const sql = file('settings.sql', `${generator}\n-- @batch_size: 2\nSELECT i FROM g;`);

  it('come from velo.yaml of the working directory, or from --config', async () => {
    const own = await velo(['run', '-q', sql], { cwd: home });
    expect(own.stdout).toBe('i\n0\n1\n2\n');
    const other = file('other.yaml', 'format: markdown\n');
    const given = await velo(['run', '-q', sql, '--config', other], { cwd: home });
    expect(given.stdout).toMatch(/\| *i *\|/);
  });

  it('win in their order: flag, file, environment, velo.yaml', async () => {
    const env = { VELO_FORMAT: 'jsonl', VELO_BATCH_SIZE: '3' };
    expect((await velo(['run', '-q', sql], { cwd: home, env })).stdout).toMatch(/^\{"i":0\}/);
    const flags = ['--format', 'csv', '--ring-size', '64'];
    const run = await velo(['run', '-q', sql, ...flags], { cwd: home, env });
    expect(run.stdout).toMatch(/^i\n/);
    const config = ['config', sql, '--format', 'json', '--ring-size', '64'];
    const { exit, stdout } = await velo(config, { cwd: home, env });
    expect(exit).toBe(0);
    const { schema, settings } = JSON.parse(stdout) as { schema: number; settings: object };
    expect(schema).toBe(1);
    expect(settings).toMatchObject({
      partition_buffer_size: { value: 64, origin: 'flag --ring-size' },
      batch_size: { value: 2, origin: `annotation ${sql}:2` },
      format: { value: 'jsonl', origin: 'environment VELO_FORMAT' },
      emit_changes: { value: 'delta', origin: 'velo.yaml:3' },
      'throttle.max_delay': { value: '10ms', origin: 'default' },
      dead_letter: { value: null, origin: 'default' },
    });
  });

  it('are listed with their origins, without a file too', async () => {
    const { exit, stdout, stderr } = await velo(['config', '--workers', '2'], { cwd: home });
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^processor_architecture +v2 +implied by workers \(flag --workers\)$/m);
    expect(stdout).toMatch(/^num_partitions +2 +as many as workers \(flag --workers\)$/m);
    expect(stdout).toMatch(/^format +csv +velo\.yaml:1$/m);
    expect(stdout).toMatch(/^throttle\.min_delay +0\.1ms +default$/m);
    expect(stdout + stderr).not.toContain('\u001b');
  });

  it('reach the plan: explain shows what run does', async () => {
    const query = `${generator} SELECT k, COUNT(*) AS n FROM g GROUP BY k WINDOW TUMBLING(ts, 1s) EMIT CHANGES`;
    const job = file('delta.sql', query);
    const { stdout: rows } = await velo(['run', '-q', job], { cwd: home });
    expect(rows).toBe('k,n\n0,1\n1,1\n0,2\n');
    const { stdout } = await velo(['explain', job], { cwd: home });
    expect(stdout).toContain('delta');
    const { stdout: snapshots } = await velo(['run', '-q', job, '--set', 'emit.changes=snapshot'], {
      cwd: home,
    });
    expect(snapshots).not.toBe(rows);
  });

  it('that V1 can follow run end to end', async () => {
    for (const flags of [
      ['--arch', 'v1', '--mode', 'individual'],
      ['--mode', 'batch', '--batch-size', '2'],
      ['--batch-size', 'adaptive'],
      ['--on-error', 'skip'],
    ]) {
      const { exit, stdout, stderr } = await velo(['run', '--format', 'jsonl', sql, ...flags]);
      expect({ exit, stdout }).toEqual({ exit: 0, stdout: '{"i":0}\n{"i":1}\n{"i":2}\n' });
      expect(stderr).toContain('v1 · 1 partition · 1 worker · ');
    }
  });

  it.each([
    [['--partitions', '0'], 'VELO_FLAG_INVALID', 'from 1 to 1024'],
    [['--arch', 'v3'], 'VELO_FLAG_INVALID', 'one of v1, v2'],
    [['--arch', 'v1', '--partitions', '8'], 'VELO_FLAG_INVALID', 'take v2'],
    [['--partitioning', 'hsah'], 'VELO_FLAG_INVALID', 'did you mean "hash"'],
    [['--config', 'no-such.yaml'], 'VELO_CONFIG_INVALID', 'path given to --config'],
    [['--set', 'num_partition=3'], 'VELO_SETTING_INVALID', 'did you mean "num_partitions"'],
    [['--set', 'num_partitions=3000'], 'VELO_FLAG_INVALID', 'from 1 to 1024'],
    [['--mode', 'individual', '--batch-size', 'adaptive'], 'VELO_FLAG_INVALID', 'one of the two'],
  ])('%j is refused with exit 2', async (flags, code, hint) => {
    const { exit, stdout, stderr } = await velo(['run', sql, ...flags]);
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' });
    expect(stderr).toContain(`error[${code}]`);
    expect(stderr).toContain(hint);
  });

  it('of a bad velo.yaml are refused with the line and a suggestion, by check as well', async () => {
    const bad = file('bad.yaml', 'format: csv\nnum_partition: 3\n');
    for (const command of ['run', 'config']) {
      const { exit, stderr } = await velo([command, sql, '--config', bad]);
      expect(exit).toBe(2);
      expect(stderr).toContain(`${bad}:2:1\n2 | num_partition: 3`);
      expect(stderr).toContain('hint: did you mean "num_partitions"?');
    }
    const annotated = file('annotated.sql', `${generator}\n-- @workers: 999\nSELECT i FROM g;`);
    const { exit, stderr } = await velo(['check', annotated]);
    expect(exit).toBe(2);
    expect(stderr).toContain('annotated.sql:2:1');
  });
});

describe('velo bench', () => {
  it('verifies the five scenarios of 5,000 records', async () => {
    const json = join(folder, 'bench.json');
    const { exit, stdout } = await velo(
      ['bench', '--records', '5000', '--runs', '1', '--warmup', '0', '--json', json],
      { limitMs: 200_000 },
    );
    expect(exit).toBe(0);
    expect(stdout).toContain('verified');
    const { results } = JSON.parse(readFileSync(json, 'utf8')) as {
      results: { rowsOut: number; verified: boolean }[];
    };
    expect(results.map((result) => result.rowsOut)).toEqual([5000, 5000, 5000, 20, 99_810]);
    expect(results.every((result) => result.verified)).toBe(true);
  });

  it('exits 3 when the output is not what it should be', async () => {
    const sql = file(
      'wrong.sql',
      "CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '5');\n-- @expect.rows: 6\nSELECT i FROM g;",
    );
    const { exit, stderr } = await velo([
      'bench',
      '--scenario',
      sql,
      '--runs',
      '1',
      '--warmup',
      '0',
    ]);
    expect(exit).toBe(3);
    expect(stderr).toContain('5 rows instead of 6');
  });
});
