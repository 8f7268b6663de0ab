/** Files in other encodings than UTF-8: what is said, positions, files that grow, wrong options. */
import { appendFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { BIGINT, VARCHAR } from '../../src/columnar/types.js';
import { fileOptions } from '../../src/connectors/file/file-options.js';
import { inferFileSchema } from '../../src/connectors/file/infer-file.js';
import { fileTable, OpenFile, writeInput } from './file-support.js';

const physical = [
  { name: 'id', type: BIGINT },
  { name: 'name', type: VARCHAR },
];
const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le');

describe('what is said', () => {
  const inferred = (options: Readonly<Record<string, string>>) =>
    inferFileSchema(fileOptions(fileTable(options, [])), { sniff: true });

  test('of Windows-1252 always, because it is a guess', async () => {
    const path = writeInput('said.csv', Buffer.from('id,name\n1,Zoë\n', 'latin1'));
    expect((await inferred({ path })).remarks).toEqual([
      { text: 'encoded in windows-1252', isUnsure: true },
    ]);
    expect(new OpenFile({ path }, { physical }).notices).toEqual([
      `file "${path}": encoded in windows-1252`,
    ]);
  });

  test('of UTF-16 to those who ask for more; of what is given nothing', async () => {
    const path = writeInput('said.jsonl', utf16('{"id":1}\n'));
    const found = await inferred({ path });
    expect(found.remarks).toEqual([{ text: 'encoded in utf-16le', isUnsure: false }]);
    expect(found.encoding).toBe('utf-16le');
    expect((await inferred({ path, encoding: 'UTF-16' })).remarks).toEqual([]);
    expect(new OpenFile({ path }, { physical }).notices).toEqual([]);
  });
});

describe('places', () => {
  const lines = Array.from(
    { length: 9_000 },
    (_, id) => `{"id":${id},"name":"größe 日本 ${id}"}\n`,
  );

  test('a position of UTF-16 is one in what it becomes, and reading goes on there', () => {
    const path = writeInput('places.jsonl', utf16(`\ufeff${lines.join('')}`));
    const file = new OpenFile({ path }, { physical });
    const [before] = [file.rows(1)];
    const position = file.source.splits[0]!.position();
    const rest = file.rows();
    expect([before.length + rest.length, rest.at(-1)]).toEqual([9_000, [8999n, 'größe 日本 8999']]);
    const again = new OpenFile({ path }, { physical });
    again.source.splits[0]!.seek(position);
    expect(again.rows()).toEqual(rest);
    // Going back makes the text again.
    again.source.splits[0]!.seek(position);
    expect(again.rows()).toEqual(rest);
  });

  test('how much was read is counted in bytes of the file', () => {
    const path = writeInput('extent.jsonl', utf16(lines.join('')));
    const { source, rows } = { source: new OpenFile({ path }, { physical }).source, rows: 9_000 };
    const split = source.splits[0]!;
    for (let read = 0; read < rows;) {
      const batch = split.next();
      if (typeof batch === 'string') break;
      read += batch.rowCount;
    }
    const bytes = utf16(lines.join('')).length;
    expect(split.progress?.()).toEqual({ done: bytes, total: bytes });
  });

  test('records and lines are numbered as in UTF-8', () => {
    const text = 'id,name\n1,"a\nb"\nx,c\n2,d\n';
    const options = { physical };
    const plain = new OpenFile({ path: writeInput('n8.csv', text) }, options);
    const wide = new OpenFile({ path: writeInput('n16.csv', utf16(text)) }, options);
    expect(wide.rows()).toEqual(plain.rows());
    expect(wide.failures).toEqual(plain.failures);
    expect([wide.lines, wide.offsets]).toEqual([plain.lines, plain.offsets]);
  });
});

describe('files that grow', () => {
  test('half a character is waited for', () => {
    const path = writeInput('grows.jsonl', utf16('{"id":1,"name":"a"}\n'));
    const file = new OpenFile({ path, follow: 'true', encoding: 'utf-16' }, { physical });
    expect(file.rows()).toEqual([[1n, 'a']]);
    const more = utf16('{"id":2,"name":"😀"}\n');
    appendFileSync(path, more.subarray(0, 33));
    expect(file.rows()).toEqual([]);
    appendFileSync(path, more.subarray(33));
    expect(file.rows()).toEqual([[2n, '😀']]);
  });

  test('at the end of a file that does not grow it is malformed', () => {
    const path = writeInput('half.csv', utf16('id,name\n1,a\n2,bc').subarray(0, -1));
    const file = new OpenFile({ path }, { physical });
    expect(file.rows()).toEqual([[1n, 'a']]);
    expect(file.failures.map(({ message, line }) => [message, line])).toEqual([
      ['record is no line of CSV: invalid UTF-8 in field 2', 3],
    ]);
  });
});

describe('options', () => {
  test.each([
    ['latin-2', "use 'utf-8', 'utf-16le', 'utf-16be', 'windows-1252' or 'latin1'"],
    ['constructor', "use 'utf-8'"],
  ])('%s is none', (encoding, hint) => {
    expect(() => fileOptions(fileTable({ path: 'x', encoding }, physical))).toThrow(
      expect.objectContaining({ hint: expect.stringContaining(hint) as string }),
    );
  });

  test('what is written is UTF-8', () => {
    const table = (encoding: string) => fileTable({ path: 'x.csv', encoding }, physical);
    expect(() => fileOptions(table('latin1'), 'written')).toThrow('option "encoding"');
    expect(fileOptions(table('UTF-8'), 'written').encoding).toBe('utf-8');
  });

  test('a file that is said to be UTF-8 is not looked at', () => {
    const path = writeInput('said8.csv', Buffer.from('id,name\n1,Zoë\n', 'latin1'));
    const file = new OpenFile({ path, encoding: 'utf-8' }, { physical });
    expect([file.rows(), file.failures.length, file.notices]).toEqual([[], 1, []]);
  });
});
