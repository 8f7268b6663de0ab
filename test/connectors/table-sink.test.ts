/** Rows on stdout as a table: cells of every type, one header, first and last rows, several queries. */
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { emptyHeader, newBatch, OP_DELETE, OP_INSERT } from '../../src/columnar/batch.js';
import type { Batch } from '../../src/columnar/batch.js';
import { BIGINT, BOOLEAN, DOUBLE, TIMESTAMP, VARCHAR } from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { ValueColumn } from '../../src/columnar/value-column.js';
import { TableSink } from '../../src/connectors/stdout/table-sink.js';

type Columns = readonly { readonly name: string; readonly type: SqlType }[];
const ID: Columns = [{ name: 'id', type: BIGINT }];

class Stdout extends Writable {
  text = '';
  override _write(chunk: Buffer, _: unknown, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
  get lines(): string[] {
    return this.text.trimEnd().split('\n');
  }
  /** Lines with cells in them, each cell without the spaces around it. */
  get cells(): string[][] {
    return this.lines
      .filter((line) => line.startsWith('│'))
      .map((line) =>
        line
          .split('│')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
  }
}

function batchOf(schema: Columns, rows: readonly (readonly SqlValue[])[], ops?: number[]): Batch {
  const columns = schema.map(({ type }, at) => {
    const column = new ValueColumn(type, rows.length);
    rows.forEach((row, index) => column.set(index, row[at] ?? null));
    return column.take();
  });
  const batch = newBatch(columns, emptyHeader('test'));
  batch.rowCount = rows.length;
  batch.selectedCount = rows.length;
  if (ops !== undefined) batch.ops = Uint8Array.from(ops);
  return batch;
}

interface Form {
  readonly rowsMax?: number;
  readonly width?: () => number | null;
  readonly changelog?: boolean;
}

function sinkTo(stdout: Stdout, schema: Columns, form: Form = {}): TableSink {
  const { rowsMax = null, width = (): null => null, changelog = false } = form;
  const target = { stream: stdout, onClosed: (): void => undefined };
  return new TableSink(schema, { changelog, form: { rowsMax, wholeRowsMax: null, width } }, target);
}

const ids = (from: number, to: number): bigint[][] =>
  Array.from({ length: to - from }, (_, at) => [BigInt(from + at)]);

describe('cells', () => {
  const schema: Columns = [
    { name: 'id', type: BIGINT },
    { name: 'note', type: VARCHAR },
    { name: 'list', type: { kind: 'array', element: VARCHAR } },
    { name: 'last', type: DOUBLE },
    { name: 'at', type: TIMESTAMP },
    { name: 'yes', type: BOOLEAN },
  ];

  it('tell NULL from the empty text, and times as a person writes them', async () => {
    const stdout = new Stdout();
    const sink = sinkTo(stdout, schema);
    const rows: SqlValue[][] = [
      [1n, 'plain', ['a', 'b'], 1.5, 1709287200123, true],
      [-2n, 'with, "commas": {and} [brackets]', [], 0, 1709287200000, false],
      [9007199254740993n, null, null, null, null, null],
      [3n, '', ['x,y', null, '}'], -7, 0, true],
      [4n, 'NULL', [], 1, 0, true],
      [5n, 'a\u001b[31mb\nc', [], 1, 0, true],
    ];
    sink.write(batchOf(schema, rows));
    await sink.close();
    expect(stdout.cells).toEqual([
      ['id', 'note', 'list', 'last', 'at', 'yes'],
      ['1', 'plain', '["a","b"]', '1.5', '2024-03-01 10:00:00.123', 'true'],
      ['-2', 'with, "commas": {and} [brackets]', '[]', '0', '2024-03-01 10:00:00', 'false'],
      ['9007199254740993', 'NULL', 'NULL', 'NULL', 'NULL', 'NULL'],
      ['3', '', '["x,y",null,"}"]', '-7', '1970-01-01 00:00:00', 'true'],
      ['4', "'NULL'", '[]', '1', '1970-01-01 00:00:00', 'true'],
      ['5', 'a\\u001b[31mb\\nc', '[]', '1', '1970-01-01 00:00:00', 'true'],
    ]);
  });

  it('have the op of each row first with a changelog, and without one no rows that go', async () => {
    for (const changelog of [true, false]) {
      const stdout = new Stdout();
      const sink = sinkTo(stdout, ID, { changelog });
      sink.write(batchOf(ID, [[1n], [1n]], [OP_INSERT, OP_DELETE]));
      await sink.close();
      expect(stdout.cells).toEqual(
        changelog
          ? [
              ['op', 'id'],
              ['+I', '1'],
              ['-D', '1'],
            ]
          : [['id'], ['1']],
      );
      expect(sink.rowsWritten()).toBe(changelog ? 2 : 1);
      expect(sink.rowsDelivered()).toBe(changelog ? 2 : 1);
    }
  });
});

describe('a stream of rows', () => {
  it('has one header, whatever its batches, and one bottom', async () => {
    const stdout = new Stdout();
    const sink = sinkTo(stdout, ID);
    for (let at = 0; at < 5; at += 1) {
      sink.write(batchOf(ID, [[BigInt(at)]]));
      sink.handOn();
      expect(stdout.cells).toHaveLength(at + 2);
    }
    await sink.close();
    expect(stdout.cells.map(([id]) => id)).toEqual(['id', '0', '1', '2', '3', '4']);
    expect(stdout.text.match(/┌/g)).toHaveLength(1);
    expect(stdout.text.match(/└/g)).toHaveLength(1);
    expect(stdout.lines).toHaveLength(9);
  });

  it('without rows is a header; after a failure nothing', async () => {
    const [ended, failed] = [new Stdout(), new Stdout()];
    await sinkTo(ended, ID).close();
    expect(ended.cells).toEqual([['id']]);
    await sinkTo(failed, ID).abandon();
    expect(failed.text).toBe('');
  });

  it('begins again where another query has drawn meanwhile', async () => {
    const stdout = new Stdout();
    const one = sinkTo(stdout, ID);
    const two = sinkTo(stdout, [{ name: 'name', type: VARCHAR }]);
    one.write(batchOf(ID, [[1n]]));
    one.handOn();
    two.write(batchOf([{ name: 'name', type: VARCHAR }], [['x']]));
    two.handOn();
    one.write(batchOf(ID, [[2n]]));
    await one.close();
    await two.close();
    expect(stdout.cells.map(([cell]) => cell)).toEqual(['id', '1', 'name', 'x', 'id', '2', 'name']);
    expect(stdout.text.match(/┌/g)).toHaveLength(4);
    expect(stdout.text.match(/└/g)).toHaveLength(4);
  });

  it('begins again where the terminal is of another width', async () => {
    const stdout = new Stdout();
    let width = 80;
    const sink = sinkTo(stdout, ID, { width: () => width });
    sink.write(batchOf(ID, [[1n]]));
    sink.handOn();
    width = 40;
    sink.write(batchOf(ID, [[2n]]));
    await sink.close();
    expect(stdout.cells.map(([id]) => id)).toEqual(['id', '1', 'id', '2']);
  });
});

describe('--max-rows', () => {
  async function shown(rows: number, rowsMax: number, batchRows: number): Promise<Stdout> {
    const stdout = new Stdout();
    const sink = sinkTo(stdout, ID, { rowsMax });
    for (let at = 0; at < rows; at += batchRows) {
      sink.write(batchOf(ID, ids(at, Math.min(rows, at + batchRows))));
      sink.handOn();
    }
    await sink.close();
    expect(sink.rowsWritten()).toBe(rows);
    expect(sink.rowsDelivered()).toBe(rows);
    return stdout;
  }

  it.each([1, 3, 100, 5000])(
    'shows the first and the last rows of batches of %i',
    async (batch) => {
      const stdout = await shown(1000, 5, batch);
      expect(stdout.cells.map(([id]) => id)).toEqual(['id', '0', '1', '2', '·', '998', '999']);
      expect(stdout.lines.at(-1)).toBe(
        '1,000 rows, the first 3 and the last 2 shown (all with --max-rows all)',
      );
    },
  );

  it('shows all where there are no more', async () => {
    for (const rows of [0, 3, 4, 5]) {
      const stdout = await shown(rows, 5, 2);
      const all = ids(0, rows).map(([id]) => String(id));
      expect(stdout.cells.map(([id]) => id)).toEqual(['id', ...all]);
      expect(stdout.lines.at(-1)).toMatch(/^└/);
    }
    expect((await shown(6, 5, 2)).cells.map(([id]) => id)).toEqual([
      'id',
      '0',
      '1',
      '2',
      '·',
      '4',
      '5',
    ]);
  });

  it('of 1 shows the first', async () => {
    const stdout = await shown(3, 1, 2);
    expect(stdout.cells.map(([id]) => id)).toEqual(['id', '0', '·']);
    expect(stdout.lines.at(-1)).toContain('3 rows, the first 1 shown');
  });
});
