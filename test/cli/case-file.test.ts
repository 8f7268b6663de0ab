/**
 * Case files as text: what the sections say, every fault with its line, when rows are the same, and
 * what --update writes. Running them is test-command.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { lineColumnAt } from '../../src/base/span.js';
import { CaseFaults, parseCase } from '../../src/cli/cases/case-file.js';
import type { SqlCase } from '../../src/cli/cases/case-file.js';
import { junitXml } from '../../src/cli/cases/case-report.js';
import { updatedText } from '../../src/cli/cases/case-update.js';
import { verifyCase } from '../../src/cli/cases/case-verify.js';
import type { CaseOutcome } from '../../src/cli/cases/case-verify.js';
import { diffRows } from '../../src/cli/cases/row-diff.js';

function parsed(...lines: readonly string[]): SqlCase {
  return parseCase({ name: 'a.case', text: `${lines.join('\n')}\n` });
}

/** `line:column message` of each fault. */
function faultsOf(...lines: readonly string[]): string[] {
  const text = `${lines.join('\n')}\n`;
  try {
    parseCase({ name: 'a.case', text });
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(CaseFaults);
    return (error as CaseFaults).faults.map(({ span, message, code, source }) => {
      expect(code).toBe('VELO_CASE_INVALID');
      expect(source).toEqual({ name: 'a.case', text });
      const { line, column } = lineColumnAt(text, span?.start ?? 0);
      return `${line}:${column} ${message}`;
    });
  }
}

const SQL = ['=== sql', 'SELECT 1 AS a;'];

describe('a case file', () => {
  it('says what runs and what comes out', () => {
    const found = parsed(
      '=== about',
      'Late orders',
      '=== sql ../jobs/orders.sql',
      '=== table orders csv',
      'id,n',
      '1,2',
      '=== input t.jsonl unterminated',
      '{"a":1}',
      '',
      '=== sequence s.jsonl 2',
      '=== now 2024-03-01 10:00',
      '=== flags',
      '--changelog --on-error skip --set late.strategy=drop',
      '=== partitions 1 4',
      '=== rows into out last-per k,j tolerance=1e-9',
      '{"k":1}',
      '',
      '=== exit 0',
    );
    expect(found).toMatchObject({
      about: 'Late orders',
      sql: { file: '../jobs/orders.sql' },
      tables: [{ name: 'orders', format: 'csv', body: 'id,n\n1,2\n' }],
      inputs: [
        { name: 't.jsonl', body: '{"a":1}' },
        { name: 's.jsonl', body: '{"i":0}\n{"i":1}\n' },
      ],
      nowMs: Date.UTC(2024, 2, 1, 10),
      flags: { changelog: true, onError: 'skip', settings: new Map([['late.strategy', 'drop']]) },
      partitions: [1, 4],
      rows: [
        { into: 'out', order: 'last-per', keys: ['k', 'j'], tolerance: 1e-9, lines: ['{"k":1}'] },
      ],
      exit: 0,
    });
  });

  it('has inputs in other encodings', () => {
    const found = parsed(...SQL, '=== input a utf16le', 'é', '=== input b latin1', 'é');
    const bytes = parsed(...SQL, '=== input c base64', 'AP8=', '').inputs;
    expect([...(bytes[0]?.body as Uint8Array)]).toEqual([0, 0xff]);
    expect(found.inputs.map(({ body }) => [...(body as Uint8Array)])).toEqual([
      [0xe9, 0, 0x0a, 0],
      [0xe9, 0x0a],
    ]);
  });

  it('may end its lines as Windows does', () => {
    const found = parsed('=== sql\r', 'SELECT 1 AS a;\r', '=== rows ordered\r', '{"a":1}\r');
    expect(found.rows[0]?.order).toBe('ordered');
    expect(diffRows(found.rows[0]!, ['{"a":1}'])).toEqual([]);
  });

  it.each([
    [['hello', ...SQL], '1:1 text stands in front of the first section'],
    [[...SQL, '=== row', '{"a":1}'], '3:1 there is no section "row"'],
    [[...SQL, '=== sql', 'SELECT 2;'], '3:1 "=== sql" stands in the file twice'],
    [['=== rows', '{"a":1}'], '1:1 the case has no SQL'],
    [['=== sql a.sql', 'SELECT 1;'], '1:1 the SQL stands in a file and here too'],
    [[...SQL, '=== input'], '3:1 "=== input" needs the name of its file'],
    [
      [...SQL, '=== input ../x.jsonl'],
      '3:11 input "../x.jsonl" would leave the folder of the inputs',
    ],
    [[...SQL, '=== input /x.jsonl'], '3:11 input "/x.jsonl" would leave the folder of the inputs'],
    [[...SQL, '=== input a b'], '3:13 "b" says nothing to an input'],
    [[...SQL, '=== input a utf8'], '3:13 "utf8" says nothing to an input'],
    [[...SQL, '=== input a/b', '=== sequence a/b 1'], '4:14 there is input a/b already'],
    [[...SQL, '=== input a/b', '=== input a'], '4:11 there is input a/b already'],
    [[...SQL, '=== input a', '=== input a/b'], '4:11 there is input a already'],
    [[...SQL, '=== input t', '=== table t', '=== table T'], '5:11 there is table t already'],
    [[...SQL, '=== sequence s x'], '3:16 "x" is no whole number'],
    [[...SQL, '=== table'], '3:1 "=== table" needs the name of a table'],
    [[...SQL, '=== table t xml'], '3:13 rows of a table have no format "xml"'],
    [[...SQL, '=== now yesterday'], '3:1 "yesterday" is no time'],
    [[...SQL, '=== now 2024-13-01 10:00'], '3:1 "2024-13-01 10:00" is no time'],
    [[...SQL, '=== flags', '--change'], '4:1 a case has no flag "--change"'],
    [[...SQL, '=== flags', '--on-error stop'], '4:1 "stop" is no policy'],
    [[...SQL, '=== flags --set a'], '3:11 "a" is no setting'],
    [[...SQL, '=== partitions'], '3:1 no number of partitions'],
    [[...SQL, '=== partitions 0'], '3:16 partitions are 1 to 1024'],
    [[...SQL, '=== rows sorted'], '3:10 "sorted" says nothing to rows'],
    [[...SQL, '=== rows into'], '3:10 "into" wants the name of a table'],
    [[...SQL, '=== rows tolerance=x'], '3:10 "tolerance=x" is no tolerance'],
    [[...SQL, '=== rows', '{"a":1}', '{"a":2'], '5:1 this is no row'],
    [[...SQL, '=== rows', '[1]'], '4:1 this is no row'],
    [[...SQL, '=== rows', '=== rows'], '4:1 two sections "=== rows" speak of the same rows'],
    [
      [...SQL, '=== rows into T', '=== rows into t'],
      '4:1 two sections "=== rows" speak of the same rows',
    ],
    [[...SQL, '=== summary', '{"rows":"1"}'], '3:1 this is no summary'],
    [[...SQL, '=== error', '~ ('], '3:1 "(" is no regular expression'],
    [[...SQL, '=== error', '=== rows'], '3:1 a case expects rows or an error, not both'],
    [
      [...SQL, '=== rows', '=== summary', '{"rows":1}'],
      '4:1 a case expects rows or a summary, not both',
    ],
    [[...SQL, '=== exit'], '3:1 a number is missing'],
  ])('%j is a fault', (lines, fault) => {
    expect(faultsOf(...lines)).toEqual([fault]);
  });

  it('shows all of its faults at once', () => {
    expect(
      faultsOf('=== abut', '=== sql', 'SELECT 1;', '=== rows', 'x', '=== exit no'),
    ).toHaveLength(3);
  });
});

describe('rows', () => {
  const rows = (
    order: 'ordered' | 'unordered' | 'last-per' | null,
    ...lines: readonly string[]
  ) => ({
    order,
    keys: ['k'],
    tolerance: 0,
    lines,
  });

  it('are the same in any order, spelling of numbers and spaces', () => {
    const expected = rows(null, '{"k": 1.50, "s": "a"}', '{"k":9007199254740993}');
    expect(diffRows(expected, ['{"k":9007199254740993}', '{"k":1.5,"s":"a"}'])).toEqual([]);
    expect(diffRows(expected, ['{"k":9007199254740992}', '{"k":1.5,"s":"a"}'])).toHaveLength(2);
  });

  it('count: one too many is one too many', () => {
    expect(diffRows(rows('unordered', '{"k":1}'), ['{"k":1}', '{"k":1}'])).toEqual([
      { kind: 'extra', text: '{"k":1}' },
    ]);
  });

  it('that are missing stand in front of those that came in their place', () => {
    const expected = rows('unordered', '{"k":"a","n":1}', '{"k":"b","n":2}', '{"k":"c","n":3}');
    const got = ['{"k":"d","n":4}', '{"k":"b","n":5}', '{"k":"a","n":1}'];
    expect(diffRows(expected, got).map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      'missing {"k":"b","n":2}',
      'extra {"k":"b","n":5}',
      'missing {"k":"c","n":3}',
      'extra {"k":"d","n":4}',
    ]);
  });

  it('in another order differ only where the order counts', () => {
    const got = ['{"k":1}', '{"k":3}', '{"k":2}'];
    const lines = ['{"k":1}', '{"k":2}', '{"k":3}'];
    expect(diffRows(rows('unordered', ...lines), got)).toEqual([]);
    expect(diffRows(rows('ordered', ...lines), got)[0]?.text).toContain('from row 2 on');
    expect(diffRows(rows('ordered', ...lines), lines)).toEqual([]);
  });

  it('may be close, and may count by the last one of a key', () => {
    const near = { ...rows('unordered', '{"k":1,"x":0.3}'), tolerance: 1e-9 };
    expect(diffRows(near, ['{"k":1,"x":0.30000000000000004}'])).toEqual([]);
    expect(diffRows(near, ['{"k":1,"x":0.31}'])).toHaveLength(2);
    expect(diffRows(rows('last-per', '{"k":1,"n":2}'), ['{"k":1,"n":1}', '{"k":1,"n":2}'])).toEqual(
      [],
    );
  });
});

function ended(...outputs: CaseOutcome['outputs']): CaseOutcome {
  return { exit: 0, errorText: '', outputs };
}

function output(table: string | null, ...lines: readonly string[]): CaseOutcome['outputs'][0] {
  return { table, ordered: false, lines };
}

const FAILED: CaseOutcome = { exit: 1, errorText: 'error[VELO_DECODE]: bad', outputs: [] };

describe('what a case expects', () => {
  it('of a table are the rows that are inserted there; the rest are the others', () => {
    const found = parsed(...SQL, '=== rows into t', '{"a":1}', '=== rows', '{"a":2}');
    const outputs = [output('T', '{"a":1}'), output(null, '{"a":2}')];
    expect(verifyCase(found, ended(...outputs))).toEqual([]);
    expect(verifyCase(found, ended(output('T', '{"a":1}')))).not.toEqual([]);
    expect(verifyCase(found, ended(output(null, '{"a":2}')))[0]?.text).toBe(
      'no query inserts into "t"',
    );
  });

  it('is ordered where the query is, unless the case says otherwise', () => {
    const sorted = { table: null, ordered: true, lines: ['{"a":2}', '{"a":1}'] };
    const found = parsed(...SQL, '=== rows', '{"a":1}', '{"a":2}');
    expect(verifyCase(found, ended(sorted))[0]?.text).toContain('another order');
    expect(verifyCase(found, ended({ ...sorted, ordered: false }))).toEqual([]);
    const free = parsed(...SQL, '=== rows unordered', '{"a":1}', '{"a":2}');
    expect(verifyCase(free, ended(sorted))).toEqual([]);
  });

  it('is an error, with its texts and its exit code', () => {
    const found = parsed(...SQL, '=== error', 'velo_decode', '~ BAD$');
    expect(verifyCase(found, FAILED)).toEqual([]);
    expect(verifyCase(found, ended())).toHaveLength(1);
    expect(verifyCase(parsed(...SQL, '=== error', 'good'), FAILED)).toHaveLength(2);
    expect(verifyCase(parsed(...SQL, '=== error', 'bad', '=== exit 2'), FAILED)).toHaveLength(2);
    expect(verifyCase(parsed(...SQL, '=== rows'), FAILED)).toHaveLength(2);
  });

  it('is how many rows, and what they come to', () => {
    const found = parsed(...SQL, '=== summary', '{"rows":2,"sum":{"a":3}}');
    expect(verifyCase(found, ended(output(null, '{"a":1}', '{"a":2}')))).toEqual([]);
    expect(verifyCase(found, ended(output(null, '{"a":1}')))).toHaveLength(2);
    expect(verifyCase(found, ended(output(null, '{"b":1}', '{"b":2}')))).toHaveLength(1);
  });
});

describe('--update', () => {
  it('writes rows in their place and leaves the rest as it is', () => {
    const found = parsed('=== rows ordered', '{"a":9}', '', ...SQL, '=== exit 0', '');
    const text = updatedText(found, ended(output(null, '{"a":1}', '{"a":2}')));
    expect(text).toBe(
      '=== rows ordered\n{"a":1}\n{"a":2}\n\n=== sql\nSELECT 1 AS a;\n=== exit 0\n\n',
    );
    const again = parseCase({ name: 'a.case', text: text ?? '' });
    expect(updatedText(again, ended(output(null, '{"a":1}', '{"a":2}')))).toBeNull();
  });

  it('writes several sections, summaries and the code of an error', () => {
    const two = parsed(...SQL, '=== rows into t', '=== rows', '{"a":0}');
    expect(updatedText(two, ended(output('t', '{"b":1}'), output(null)))).toContain(
      '=== rows into t\n{"b":1}\n=== rows\n',
    );
    const summary = parsed(...SQL, '=== summary', '{"rows":9,"sum":{"a":1}}');
    expect(updatedText(summary, ended(output(null, '{"a":5}')))).toContain(
      '{"rows":1,"sum":{"a":5}}',
    );
    const error = parsed(...SQL, '=== error', 'other');
    expect(updatedText(error, FAILED)).toContain('=== error\nerror[VELO_DECODE]\n');
  });

  it('adds what a case does not have, by table where there are several queries', () => {
    const found = parsed(...SQL);
    expect(updatedText(found, ended(output('t', '{"b":1}')))).toMatch(/a;\n=== rows\n\{"b":1\}\n$/);
    expect(updatedText(found, ended(output('t', '{"b":1}'), output(null, '{"a":1}')))).toMatch(
      /=== rows into t\n\{"b":1\}\n=== rows\n\{"a":1\}\n$/,
    );
  });

  it('never makes an expected error of rows, nor the other way round', () => {
    expect(updatedText(parsed(...SQL), FAILED)).toBeNull();
    expect(updatedText(parsed(...SQL, '=== rows'), FAILED)).toBeNull();
    expect(updatedText(parsed(...SQL, '=== error'), ended(output(null, '{"a":1}')))).toBeNull();
  });
});

describe("JUnit's XML", () => {
  it('holds whatever stands in rows', () => {
    const engine = { arch: 'v1', partitions: 1, workers: 1 } as const;
    const faults = [{ kind: 'extra', text: '{"a":"<&\u0001]]>"}' }] as const;
    const report = { file: 'a&b.case', about: '"x"', written: false, errors: [] };
    const xml = junitXml([
      { ...report, status: 'failed', runs: [{ engine, seconds: 0.5, faults }] },
      { ...report, status: 'skipped', runs: [] },
      { ...report, status: 'faulty', runs: [], errors: ['no <sql>'] },
    ]);
    expect(xml).toContain('<testsuite name="a&amp;b.case" tests="1" failures="1"');
    expect(xml).toContain('message="&quot;x&quot;">+ {&quot;a&quot;:&quot;&lt;&amp;');
    expect(xml).not.toContain('\u0001');
    expect(xml).toContain('<skipped/>');
    expect(xml).toContain('<error message="faulty case file">no &lt;sql&gt;</error>');
  });
});
