/** JSON files that are no lines: arrays, objects over many lines, objects behind one another. */
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { BIGINT, VARCHAR } from '../../src/columnar/types.js';
import { NOTHING_NOW } from '../../src/connectors/file/file-bytes.js';
import type { ByteSource } from '../../src/connectors/file/file-bytes.js';
import { DocumentBytes } from '../../src/connectors/file/documents/document-bytes.js';
import { holdsDocuments } from '../../src/connectors/file/documents/document-layout.js';
import { fileSharing } from '../../src/connectors/file/file.js';
import { fileTable, ID, OpenFile, writeInput } from './file-support.js';

const COLUMNS = [
  { name: 'id', type: BIGINT },
  { name: 's', type: VARCHAR },
];

/** Rows, their lines, and the lines and texts of records that are refused. */
function read(content: string, options: Readonly<Record<string, string>> = {}): unknown {
  const path = writeInput('documents.json', content);
  const file = new OpenFile({ path, ...options }, { physical: COLUMNS, batchRowsMax: 3 });
  const rows = file.rows().map(([id, s], at) => [Number(id), s, file.lines[at]]);
  return { rows, refused: file.failures.map(({ line, raw }) => [line, raw]) };
}

describe('documents', () => {
  it.each([
    [
      'an array in one line',
      '[{"id":1},{"id":2,"s":"x"}]',
      [
        [1, null, 1],
        [2, 'x', 1],
      ],
    ],
    [
      'an array of lines',
      '[\n{"id":1},\r\n{"id":2}\n]\n',
      [
        [1, null, 2],
        [2, null, 3],
      ],
    ],
    [
      'commas in front',
      '[{"id":1}\n,{"id":2}\n,{"id":3}]',
      [
        [1, null, 1],
        [2, null, 2],
        [3, null, 3],
      ],
    ],
    [
      'objects over lines',
      '{\n  "id": 1,\n  "s": "a"\n}\n\n{\n"id":2}',
      [
        [1, 'a', 1],
        [2, null, 6],
      ],
    ],
    [
      'objects in one line',
      '{"id":1}{"id":2} {"id":3}\n{"id":4}',
      [
        [1, null, 1],
        [2, null, 1],
        [3, null, 1],
        [4, null, 2],
      ],
    ],
    [
      'several arrays',
      '[{"id":1}]\n[]\n[ {"id":2} ]',
      [
        [1, null, 1],
        [2, null, 3],
      ],
    ],
    [
      'a byte order mark',
      '\ufeff[{"id":1},\n{"id":2}]',
      [
        [1, null, 1],
        [2, null, 2],
      ],
    ],
    [
      'brackets in texts',
      '[{"s":"]},{[\\"\\\\","id":1},{"id":2}]',
      [
        [1, ']},{["\\', 1],
        [2, null, 1],
      ],
    ],
    ['arrays in objects', '[{"x":[{"y":[1,{}]},[]],"id":1}\n]', [[1, null, 1]]],
  ])('%s', (_, content, rows) => {
    expect(read(content)).toEqual({ rows, refused: [] });
  });

  it('are refused one by one, with their line and text', () => {
    const broken = '[\n{"id":1},\n{"id":"x"},\n{\n "id": 3,\n},\n{"id":4}\n]';
    expect(read(broken)).toEqual({
      rows: [
        [1, null, 2],
        [4, null, 7],
      ],
      refused: [
        [3, '{"id":"x"}'],
        [4, '{\n "id": 3,\n}'],
      ],
    });
  });

  it.each([
    ['a bracket that does not fit', '[{"id":1},{"id":[2},{"id":3}]', [1, 3], ['{"id":[2}']],
    ['a brace without a colon', '[{"id":1},\n{"id":2,\n{"id":3}]', [1, 3], ['{"id":2,\n']],
    ['an object without its end', '[{"id":1},{"id":2]\n[{"id":3}]', [1, 3], ['{"id":2']],
    ['a text without its end', '[{"id":1},{"s":"x\n},{"id":3}]', [1, 3], ['{"s":"x\n}']],
    [
      'values that are no objects',
      '[{"id":1},7,"a ]",[2],null]',
      [1],
      ['7', '"a ]"', '[2]', 'null'],
    ],
    ['words between them', '[{"id":1}] nonsense {"id":2}', [1, 2], ['nonsense']],
    ['an array without its end', '[{"id":1},{"id":2}', [1, 2], ['[ the array has no end']],
    [
      'an object that ends with the file',
      '[{"id":1},{"id":',
      [1],
      ['{"id":', '[ the array has no end'],
    ],
  ])('that are broken end where that shows: %s', (_, content, ids, refused) => {
    const seen = read(content) as { rows: [number][]; refused: [number, string][] };
    expect(seen.rows.map(([id]) => id)).toEqual(ids);
    expect(seen.refused.map(([, raw]) => raw)).toEqual(refused);
  });

  it('larger than record.max-bytes are left out, and the next one is read', () => {
    const long = `{"id":2,\n"s":"${'x'.repeat(200)}"}`;
    const seen = read(`[{"id":1},\n${long},\n{"id":3}]`, { 'record.max-bytes': '100' });
    expect(seen).toMatchObject({
      rows: [
        [1, null, 1],
        [3, null, 4],
      ],
      refused: [[1, /id":2/]],
    });
  });

  it.each([
    ['{"id":1}\n{"id":2}', false],
    ['{"id":1} x\n{"id":2}', false],
    ['{"id":\n{"id":2}', false],
    ['{"id":1,\n{"id":2}', false],
    ['[1]\n{"id":1}', false],
    ['hello', false],
    ['', false],
    ['\n\n {"id":1}', false],
    ['{"id":1}{"id":2}', true],
    ['{"id":\n1}', true],
    [' \n[\n {"id":1}', true],
    ['[]', true],
    [`{\n"s":"${'x'.repeat(70_000)}"}`, true],
    [`{"s":"${'x'.repeat(70_000)}"}`, false],
  ])('are told from lines: %j', (content, documents) => {
    const bytes = new TextEncoder().encode(content);
    expect(holdsDocuments(bytes, bytes.length, true)).toBe(documents);
    const path = writeInput('layout.json', content);
    expect(fileSharing(fileTable({ path }, ID))).toBe(documents ? 'local' : 'shared');
  });
});

const value = fc.record(
  {
    id: fc.integer(),
    s: fc.string({ unit: 'grapheme', maxLength: 12 }),
    n: fc.jsonValue({ maxDepth: 2 }),
  },
  { requiredKeys: ['id'] },
);
const layout = fc.record({
  space: fc.constantFrom(0, 1, '\t'),
  before: fc.constantFrom('', '[', ' [\n'),
  between: fc.constantFrom('', '\n', '\r\n', ' '),
  batchRowsMax: fc.constantFrom(1, 2, 7, 4096),
});

test('have the rows of their objects, whatever their layout', () => {
  fc.assert(
    fc.property(fc.array(value, { minLength: 2, maxLength: 20 }), layout, (values, given) => {
      const { space, before, between, batchRowsMax } = given;
      const comma = before === '' ? '' : ',';
      const text = values.map((each) => JSON.stringify(each, null, space)).join(between + comma);
      const path = writeInput('random.json', `${before}${text}${before === '' ? '' : ']'}`);
      const file = new OpenFile({ path }, { physical: COLUMNS, batchRowsMax });
      const rows = file.rows();
      expect(file.failures).toEqual([]);
      expect(rows.map(([id, s]) => [Number(id), s])).toEqual(
        values.map((each) => [each.id === 0 ? 0 : each.id, each.s ?? null]),
      );
      expect(file.source.splits[0]!.rowsRead()).toBe(values.length);
    }),
    { seed: 11, numRuns: 300 },
  );
});

/** A pipe that gives its bytes in pieces, with pauses between them. */
function pipeOf(content: string, pieces: readonly number[]): ByteSource {
  const bytes = new TextEncoder().encode(content);
  let at = 0;
  let reads = 0;
  return {
    seekable: false,
    openedBytes: null,
    usedBytes: (place) => place,
    arrives: true,
    read: (buffer, to, length) => {
      reads += 1;
      if (reads % 3 === 0) return NOTHING_NOW;
      const piece = bytes.subarray(at, at + Math.min(length, pieces[reads % pieces.length]!));
      buffer.set(piece, to);
      at += piece.length;
      return piece.length;
    },
    readable: () => Promise.resolve(),
    size: () => at,
    replaced: () => false,
    close: () => undefined,
  };
}

function readAll(source: ByteSource, readBytes: number): string {
  const out: number[] = [];
  const buffer = new Uint8Array(readBytes);
  for (;;) {
    const count = source.read(buffer, 0, readBytes, out.length);
    if (count === 0)
      return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(out));
    if (count !== NOTHING_NOW) out.push(...buffer.subarray(0, count));
  }
}

test('of a pipe are the same in whatever pieces they come', () => {
  const contents = [
    '\ufeff[{"id":1,"s":"é\\"]"},\n{"id":2},7]\n{"id":\r\n3}',
    '{"id":1}{"id":2}\n',
    '{"id":1}\n{"id":2}\n',
    '{\n"id":1}',
    `[${'{"id":1},\n'.repeat(9000)}{"id":2}]`,
  ];
  for (const content of contents) {
    const whole = readAll(new DocumentBytes(pipeOf(content, [1 << 20])), 1 << 16);
    for (const pieces of [[1, 2, 3], [7], [5000, 1]]) {
      expect(readAll(new DocumentBytes(pipeOf(content, pieces)), 13)).toBe(whole);
    }
  }
});

test('are read on at any place before, of a file', () => {
  const path = writeInput('places.json', `[${'{"id":1},\n'.repeat(20_000)}{"id":2}]`);
  const file = new OpenFile({ path }, { batchRowsMax: 1000 });
  const split = file.source.splits[0]!;
  split.next();
  const position = split.position();
  const rest = file.rows().length;
  const again = new OpenFile({ path }, { batchRowsMax: 1000 });
  again.rows();
  again.source.splits[0]!.seek(position);
  expect(again.rows()).toHaveLength(rest);
  expect(again.lines.at(-1)).toBe(20_001);
});
