/** A result that updates: which rows stand, what of them is drawn, and what is left in the end. */
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import {
  emptyHeader,
  newBatch,
  OP_DELETE,
  OP_INSERT,
  OP_UPDATE_AFTER,
  OP_UPDATE_BEFORE,
} from '../../src/columnar/batch.js';
import type { Batch } from '../../src/columnar/batch.js';
import { BIGINT, VARCHAR } from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { ValueColumn } from '../../src/columnar/value-column.js';
import type { LiveScreen } from '../../src/connectors/connector.js';
import { LiveRows } from '../../src/connectors/stdout/live-rows.js';
import { LiveTableSink } from '../../src/connectors/stdout/live-table-sink.js';
import { LiveTables } from '../../src/cli/terminal/live-tables.js';
import { TableCells } from '../../src/formats/text/table-cells.js';
import type { ResultUpdates } from '../../src/plan/pipeline/result-updates.js';

const SCHEMA: readonly { readonly name: string; readonly type: SqlType }[] = [
  { name: 'k', type: VARCHAR },
  { name: 'n', type: BIGINT },
];
const BY_K: ResultUpdates = { by: 'key', columns: [0] };
type Change = readonly [op: number, k: string | null, n: bigint];

function batchOf(changes: readonly Change[]): Batch {
  const columns = SCHEMA.map(({ type }, at) => {
    const column = new ValueColumn(type, changes.length);
    changes.forEach((change, row) => column.set(row, change[at + 1] as SqlValue));
    return column.take();
  });
  const batch = newBatch(columns, emptyHeader('test'));
  batch.rowCount = changes.length;
  batch.selectedCount = changes.length;
  batch.ops = Uint8Array.from(changes.map(([op]) => op));
  return batch;
}

function rowsOf(updates: ResultUpdates, changes: readonly Change[], most?: number): LiveRows {
  const rows = new LiveRows(new TableCells(SCHEMA, { changelog: false }), updates, most);
  for (const change of changes) rows.apply(batchOf([change]));
  return rows;
}

describe('the rows that stand', () => {
  it('by key: each takes the place of the one before', () => {
    const rows = rowsOf(BY_K, [
      [OP_INSERT, 'a', 1n],
      [OP_INSERT, 'b', 1n],
      [OP_UPDATE_BEFORE, 'a', 1n],
      [OP_UPDATE_AFTER, 'a', 2n],
      [OP_INSERT, null, 7n],
      [OP_INSERT, 'NULL', 8n],
      [OP_INSERT, "'NULL'", 9n],
      [OP_DELETE, 'b', 1n],
    ]);
    expect(rows.all()).toEqual([
      ['a', '2'],
      ['NULL', '7'],
      ["'NULL'", '8'],
      ["'NULL'", '9'],
    ]);
    expect(rows.written).toBe(6);
  });

  it('without key columns there is one', () => {
    const one: ResultUpdates = { by: 'key', columns: [] };
    const changes: Change[] = [
      [OP_INSERT, 'a', 1n],
      [OP_UPDATE_AFTER, 'b', 2n],
    ];
    expect(rowsOf(one, changes).all()).toEqual([['b', '2']]);
  });

  it('by all they hold: as often as they came and did not go', () => {
    const rows = rowsOf({ by: 'row' }, [
      [OP_INSERT, 'a', 1n],
      [OP_INSERT, 'a', 1n],
      [OP_INSERT, 'a', 2n],
      [OP_UPDATE_BEFORE, 'a', 2n],
      [OP_UPDATE_AFTER, 'a', 3n],
      [OP_DELETE, 'a', 1n],
      [OP_DELETE, 'never', 1n],
    ]);
    expect(rows.all()).toEqual([
      ['a', '1'],
      ['a', '3'],
    ]);
  });

  it('are bounded, and the table knows', () => {
    const changes = Array.from({ length: 12 }, (_, at): Change => [OP_INSERT, `k${at}`, 1n]);
    const rows = rowsOf(BY_K, changes, 10);
    expect([rows.size, rows.forgets]).toEqual([10, true]);
    expect(rows.all()[0]).toEqual(['k2', '1']);
    expect(rowsOf(BY_K, changes, 12).forgets).toBe(false);
  });

  it('that changed last are known', () => {
    const changes = Array.from({ length: 5 }, (_, at): Change => [OP_INSERT, `k${at}`, 1n]);
    const rows = rowsOf(BY_K, [...changes, [OP_UPDATE_AFTER, 'k0', 2n]]);
    expect(rows.latest(3).map(([k]) => k)).toEqual(['k0', 'k3', 'k4']);
    expect(rows.latest(9)).toHaveLength(5);
  });
});

type View = Parameters<LiveScreen['show']>[0];

class Screen implements LiveScreen {
  readonly views = new Set<View>();
  show(view: View): () => void {
    this.views.add(view);
    return () => this.views.delete(view);
  }
  lines(columns: number, rows: number): string[] {
    return [...this.views].flatMap((view) => [...view({ columns, rows })]);
  }
}

describe('the table', () => {
  it('fits the screen while it changes, and is whole in the end', async () => {
    let out = '';
    const stream = new Writable({
      write(chunk: Buffer, _, done) {
        out += chunk.toString('utf8');
        done();
      },
    });
    const screen = new Screen();
    const form = { width: (): number => 60, rowsMax: null, wholeRowsMax: 4 };
    const sink = new LiveTableSink(
      { schema: SCHEMA, updates: BY_K, form, screen },
      { stream, onClosed: () => undefined },
    );
    sink.write(batchOf(Array.from({ length: 30 }, (_, at): Change => [OP_INSERT, `k${at}`, 1n])));
    sink.write(batchOf([[OP_UPDATE_AFTER, 'k3', 2n]]));
    const drawn = screen.lines(60, 12);
    expect(drawn.length).toBeLessThanOrEqual(12);
    expect(drawn.some((line) => /│ k3 +│ +2 │/.test(line))).toBe(true);
    expect(drawn).toContain('30 rows, the 6 that changed last shown');
    expect(out).toBe('');
    await sink.close();
    expect(screen.views.size).toBe(0);
    expect(out.match(/┌/g)).toHaveLength(1);
    expect(out).toContain('30 rows, the first 2 and the last 2 shown');
    expect([sink.rowsWritten(), sink.rowsDelivered()]).toEqual([31, 31]);
  });

  it('of a job that failed is shown if there was any', async () => {
    let out = '';
    const stream = new Writable({
      write(chunk: Buffer, _, done) {
        out += chunk.toString('utf8');
        done();
      },
    });
    const form = { width: (): number => 60, rowsMax: null, wholeRowsMax: null };
    const parts = { schema: SCHEMA, updates: BY_K, form, screen: new Screen() };
    await new LiveTableSink(parts, { stream, onClosed: () => undefined }).abandon();
    expect(out).toBe('');
  });
});

describe('drawing', () => {
  it('happens by the clock alone, below the height of the screen, and ends with it', () => {
    const drawn: string[] = [];
    let erased = 0;
    const tables = new LiveTables({
      draw: (text) => void drawn.push(text),
      eraseDrawing: () => void (erased += 1),
      size: { columns: 40, rows: 10 },
    });
    const given: { columns: number; rows: number }[] = [];
    const view = (space: { readonly columns: number; readonly rows: number }): string[] => {
      given.push({ ...space });
      return Array.from({ length: 50 }, (_, at) => `line ${at}`);
    };
    tables.show(view);
    const hide = tables.show((space) => view(space));
    let [everyMs, tick, isCancelled] = [0, (): void => undefined, false];
    tables.start(
      () => 'x'.repeat(50),
      (ms, work) => {
        [everyMs, tick] = [ms, work];
        return () => void (isCancelled = true);
      },
    );
    expect([everyMs, drawn.length]).toEqual([200, 0]);
    tick();
    expect(given).toEqual([
      { columns: 39, rows: 4 },
      { columns: 39, rows: 4 },
    ]);
    expect(drawn[0]?.split('\n')).toHaveLength(9);
    expect(drawn[0]?.split('\n').at(-1)).toBe(`${'x'.repeat(38)}…`);
    hide();
    tick();
    expect(given.at(-1)).toEqual({ columns: 39, rows: 8 });
    tables.stop();
    expect([isCancelled, erased]).toEqual([true, 1]);
  });
});
