/**
 * --watch of `velo run` and `velo test`: what counts as a change, in which order runs stop and begin,
 * and the commands on a real file system, where every step waits for what the command says.
 */
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FileWatch } from '../../src/cli/watch/file-watch.js';
import type { WatchFolder } from '../../src/cli/watch/file-watch.js';
import { watchLoop } from '../../src/cli/watch/watch-loop.js';
import type { WatchedRun } from '../../src/cli/watch/watch-loop.js';
import { fileTargetOf, folderTargetOf } from '../../src/cli/watch/watch-target.js';
import { velo } from '../support/velo-process.js';
import type { VeloRun } from '../support/velo-process.js';

const home = mkdtempSync(join(tmpdir(), 'velo-watch-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

function folderWith(name: string, files: Readonly<Record<string, string>>): string {
  const folder = join(home, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

/** Events that a test gives, and quiet that it calls. */
class Scripted {
  readonly open = new Map<string, (name: string | null) => void>();
  closed = 0;
  private quiet: (() => void) | null = null;

  readonly watchFolder: WatchFolder = (folder, { deep, onEvent }) => {
    this.open.set(`${folder}${deep ? '/**' : ''}`, onEvent);
    return { close: () => (this.closed += 1) };
  };
  readonly settle = (done: () => void): (() => void) => {
    this.quiet = done;
    return () => {
      this.quiet = null;
    };
  };

  get isUnsettled(): boolean {
    return this.quiet !== null;
  }

  calm(): void {
    const done = this.quiet;
    this.quiet = null;
    done?.();
  }
}

function scripted(): { readonly script: Scripted; readonly watch: FileWatch } {
  const script = new Scripted();
  return { script, watch: new FileWatch(script.watchFolder, script.settle) };
}

describe('a change', () => {
  it('is another size, time or file, and no event without one', async () => {
    const folder = folderWith('change', { 'a.sql': 'SELECT 1', 'b.sql': '' });
    const { script, watch } = scripted();
    watch.watch([fileTargetOf(join(folder, 'a.sql'))]);
    const tell = script.open.get(folder);
    tell?.('a.sql');
    tell?.('b.sql');
    expect(script.isUnsettled).toBe(false);
    writeFileSync(join(folder, 'b.sql'), 'other');
    tell?.('b.sql');
    expect(script.isUnsettled).toBe(false);
    appendFileSync(join(folder, 'a.sql'), ' AS a');
    tell?.('a.sql');
    expect(script.isUnsettled).toBe(true);
    script.calm();
    await expect(watch.changed()).resolves.toBe(join(folder, 'a.sql'));
    watch.close();
    expect(script.closed).toBe(1);
  });

  it('is told once all is quiet, and once however many events it is', async () => {
    const folder = folderWith('quiet', { 'a.sql': '' });
    const { script, watch } = scripted();
    watch.watch([fileTargetOf(join(folder, 'a.sql'))]);
    const told: string[] = [];
    const first = watch.changed().then((path) => told.push(path));
    for (const text of ['1', '12', '123']) {
      writeFileSync(join(folder, 'a.sql'), text);
      script.open.get(folder)?.('a.sql');
    }
    await Promise.resolve();
    expect(told).toEqual([]);
    script.calm();
    await first;
    expect(told).toHaveLength(1);
    void watch.changed().then((path) => told.push(path));
    script.open.get(folder)?.('a.sql');
    script.calm();
    await Promise.resolve();
    expect(told).toHaveLength(1);
    watch.close();
  });

  it('is a file in place of another, as editors save', async () => {
    const folder = folderWith('replaced', { 'a.sql': 'one', 'a.sql~': 'two' });
    const { script, watch } = scripted();
    watch.watch([fileTargetOf(join(folder, 'a.sql'))]);
    renameSync(join(folder, 'a.sql~'), join(folder, 'a.sql'));
    script.open.get(folder)?.('a.sql');
    script.calm();
    await expect(watch.changed()).resolves.toBe(join(folder, 'a.sql'));
    watch.close();
  });

  it('that came while others were looked at is not missed', async () => {
    const folder = folderWith('between', { 'a.sql': '', 'b.sql': '' });
    const { script, watch } = scripted();
    const both = [fileTargetOf(join(folder, 'a.sql')), fileTargetOf(join(folder, 'b.sql'))];
    watch.watch(both);
    writeFileSync(join(folder, 'b.sql'), 'changed unseen');
    watch.watch(both);
    script.calm();
    await expect(watch.changed()).resolves.toBe(join(folder, 'b.sql'));
    expect(script.closed).toBe(1);
    watch.close();
  });

  it('is a file that comes or goes below a folder, of those that are meant', async () => {
    const folder = folderWith('deep', { 'x/old.case': '' });
    const { script, watch } = scripted();
    watch.watch([folderTargetOf(folder, (path) => path.endsWith('.case'))]);
    const tell = script.open.get(`${folder}/**`);
    writeFileSync(join(folder, 'x/new.txt'), '');
    writeFileSync(join(folder, 'x/out.1-aa.part'), '');
    tell?.('x/new.txt');
    tell?.('x/out.1-aa.part');
    expect(script.isUnsettled).toBe(false);
    writeFileSync(join(folder, 'x/new.case'), '');
    tell?.('x/new.case');
    script.calm();
    await expect(watch.changed()).resolves.toBe(join(folder, 'x/new.case'));
    rmSync(join(folder, 'x/new.case'));
    tell?.('x/new.case');
    script.calm();
    await expect(watch.changed()).resolves.toBe(join(folder, 'x/new.case'));
    watch.close();
  });

  it('is looked for in all files where the system names none', async () => {
    const folder = folderWith('nameless', { 'a.sql': '' });
    const { script, watch } = scripted();
    watch.watch([fileTargetOf(join(folder, 'a.sql'))]);
    writeFileSync(join(folder, 'a.sql'), 'changed');
    script.open.get(folder)?.(null);
    script.calm();
    await expect(watch.changed()).resolves.toBe(join(folder, 'a.sql'));
    watch.close();
  });

  it('is the coming of a folder that is still missing', async () => {
    const folder = folderWith('missing', { 'a.sql': '' });
    const { script, watch } = scripted();
    watch.watch([fileTargetOf(join(folder, 'data/rows.jsonl'))]);
    mkdirSync(join(folder, 'data'));
    script.open.get(folder)?.('data');
    script.calm();
    await expect(watch.changed()).resolves.toBe(join(folder, 'data'));
    watch.close();
  });
});

describe('the loop', () => {
  const silent = { note: () => undefined, clearScreen: () => undefined };

  it('stops what runs when a file changes, and begins anew when that has ended', async () => {
    const folder = folderWith('loop', { 'a.sql': '' });
    const { script, watch } = scripted();
    const log: string[] = [];
    let runs = 0;
    const run = async (watched: WatchedRun): Promise<number> => {
      runs += 1;
      const own = runs;
      log.push(`run ${own}`);
      watched.reads([fileTargetOf(join(folder, 'a.sql'))]);
      if (own === 3) return 130;
      await new Promise<void>((ended) => {
        watched.started({
          stop: () => {
            log.push(`stop ${own}`);
            setImmediate(() => {
              log.push(`ended ${own} ${watched.isStale() ? 'stale' : ''}`);
              ended();
            });
          },
        });
        writeFileSync(join(folder, 'a.sql'), `run ${own} reads this`.repeat(own));
        script.open.get(folder)?.('a.sql');
        script.calm();
      });
      return 0;
    };
    await expect(watchLoop(run, watch, silent)).resolves.toBe(130);
    expect(log).toEqual([
      'run 1',
      'stop 1',
      'ended 1 stale',
      'run 2',
      'stop 2',
      'ended 2 stale',
      'run 3',
    ]);
  });

  it('waits for a change behind a run that failed or is over, and says so', async () => {
    const folder = folderWith('waits', { 'a.sql': '' });
    const { script, watch } = scripted();
    const said: string[] = [];
    const exits = [2, 0, 143];
    const run = (watched: WatchedRun): Promise<number> => {
      watched.reads([fileTargetOf(join(folder, 'a.sql'))]);
      return Promise.resolve(exits.shift() ?? 1);
    };
    const talk = {
      clearScreen: () => said.push('clear'),
      note: (line: string) => {
        said.push(line.includes('changed') ? 'changed' : line);
        if (!line.startsWith('watching')) return;
        appendFileSync(join(folder, 'a.sql'), 'more');
        script.open.get(folder)?.('a.sql');
        script.calm();
      },
    };
    await expect(watchLoop(run, watch, talk)).resolves.toBe(143);
    const round = ['watching for changes; ^C ends', 'clear', 'changed'];
    expect(said).toEqual([...round, ...round]);
    expect(script.closed).toBeGreaterThan(0);
  });
});

/** Does one step each time the command says that it waits, then ends it. */
function watching(
  args: readonly string[],
  cwd: string,
  { sign, steps }: { readonly sign: string; readonly steps: readonly (() => void)[] },
): Promise<VeloRun> {
  let [seen, done] = ['', 0];
  let signal: (name: NodeJS.Signals) => void = () => undefined;
  const look = (text: string): void => {
    seen += text;
    for (let count = seen.split(sign).length - 1; done < count; done += 1) {
      const step = steps[done];
      if (step === undefined) signal('SIGINT');
      else step();
    }
  };
  const started = (send: typeof signal): void => {
    signal = send;
  };
  return velo([...args, '--watch'], { cwd, stderr: look, started });
}

const WAITS = 'watching for changes';

describe('velo run --watch', () => {
  it.each(['v1', 'v2'])(
    'runs again for the SQL, a fault in it, its data and velo.yaml: %s',
    async (arch) => {
      const cwd = folderWith(`run-${arch}`, {
        'q.sql': "SELECT a FROM 'rows.jsonl'",
        'rows.jsonl': '{"a":1}\n',
      });
      const { stdout, stderr } = await watching(['q.sql', '--arch', arch], cwd, {
        sign: WAITS,
        steps: [
          () => appendFileSync(join(cwd, 'rows.jsonl'), '{"a":2}\n'),
          () => writeFileSync(join(cwd, 'q.sql'), "SELECT aa FROM 'rows.jsonl'"),
          () => writeFileSync(join(cwd, 'q.sql'), "SELECT a + 10 AS b FROM 'rows.jsonl'"),
          () => writeFileSync(join(cwd, 'velo.yaml'), 'format: csv\n'),
        ],
      });
      expect(stdout).toBe('{"a":1}\n{"a":1}\n{"a":2}\n{"b":11}\n{"b":12}\nb\n11\n12\n');
      expect(stderr).toContain('error[VELO_COLUMN_NOT_FOUND]');
      const changed = stderr.match(/^.* changed$/gm);
      expect(changed).toEqual(
        ['rows.jsonl', 'q.sql', 'q.sql', 'velo.yaml'].map((name) => `${name} changed`),
      );
    },
  );

  it.each(['v1', 'v2'])(
    'stops a job without end for a change, and ends at ^C: %s',
    async (arch) => {
      const query = (factor: number): string =>
        `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows-per-second' = '1000');
       SELECT i * 0 + ${factor} AS f FROM g;`;
      const cwd = folderWith(`endless-${arch}`, { 'q.sql': query(1) });
      let signal: (name: NodeJS.Signals) => void = () => undefined;
      let [changed, ended, seen] = [false, 0, ''];
      const run = await velo(['q.sql', '--arch', arch, '--watch'], {
        cwd,
        started: (send) => {
          signal = send;
        },
        stdout: (text) => {
          seen += text;
          if (!changed && seen.includes('{"f":1}')) {
            changed = true;
            writeFileSync(join(cwd, 'q.sql'), query(2));
          }
          if (ended === 0 && seen.includes('{"f":2}')) {
            ended = performance.now();
            signal('SIGINT');
          }
        },
      });
      expect(run.exit).toBe(130);
      // All rows of the first run stand before all of the second: it had ended.
      const rows = run.stdout.trimEnd().split('\n');
      expect(rows).toEqual([...rows].sort());
      expect(run.stderr.match(/^stopped/gm)).toHaveLength(2);
    },
  );

  it('does not begin anew for what it writes itself', async () => {
    const cwd = folderWith('own-output', {
      'q.sql': "INSERT INTO 'data/out.jsonl' SELECT a FROM 'data/*.json'",
      'data/in.json': '{"a":1}\n',
    });
    const { stderr } = await watching(['q.sql'], cwd, {
      sign: WAITS,
      steps: [() => writeFileSync(join(cwd, 'data/more.json'), '{"a":2}\n')],
    });
    expect(stderr.match(/^.* changed$/gm)).toEqual(['data/more.json changed']);
    expect(readFileSync(join(cwd, 'data/out.jsonl'), 'utf8').trim().split('\n')).toHaveLength(2);
  });

  it('refuses what cannot be read again', async () => {
    const sql = await velo(['run', '-', '--watch'], { stdin: 'SELECT 1 AS a' });
    expect(sql.exit).toBe(2);
    expect(sql.stderr).toContain('--watch needs a file');
  });
});

describe('velo test --watch', () => {
  it('runs the cases again when one, its SQL or the number of them changes', async () => {
    const sqlCase = (total: number): string =>
      `=== sql ../q.sql\n=== table t\n{"a":1}\n{"a":2}\n=== rows\n{"total":${total}}\n`;
    const cwd = folderWith('cases', {
      'q.sql': `CREATE TABLE t (a BIGINT) WITH ('connector' = 'file', 'path' = 't.jsonl');
        SELECT SUM(a) AS total FROM t EMIT FINAL;`,
      'cases/a.case': sqlCase(4),
    });
    const { stdout, stderr } = await watching(['test', 'cases'], cwd, {
      sign: WAITS,
      steps: [
        () => writeFileSync(join(cwd, 'cases/a.case'), sqlCase(3)),
        () =>
          writeFileSync(
            join(cwd, 'q.sql'),
            readFileSync(join(cwd, 'q.sql'), 'utf8').replace('SUM(a)', 'MAX(a)'),
          ),
        () => writeFileSync(join(cwd, 'cases/b.case'), sqlCase(2)),
      ],
    });
    const verdicts = stdout.match(/^(?:ok|FAIL) +cases\/[ab]\.case/gm);
    expect(verdicts?.map((line) => line.replace(/ +cases\//, ' '))).toEqual([
      'FAIL a.case',
      'ok a.case',
      'FAIL a.case',
      'FAIL a.case',
      'ok b.case',
    ]);
    expect(stderr.match(/^.* changed$/gm)).toHaveLength(3);
  });

  it('refuses to write what it looks at', async () => {
    const { exit, stderr } = await velo(['test', 'cases', '--watch', '--update'], { cwd: home });
    expect(exit).toBe(2);
    expect(stderr).toContain('--update writes the cases that --watch looks at');
  });
});
