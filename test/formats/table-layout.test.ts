/** Result tables: no line is wider than its width, none breaks the columns, and what is gone is said. */
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { displayWidth } from '../../src/base/display-width.js';
import { TableLayout } from '../../src/formats/text/table-layout.js';
import type { TableColumn } from '../../src/formats/text/table-layout.js';

const text = (name: string): TableColumn => ({ name, align: 'left', elastic: true, usualWidth: 8 });
const number = (name: string): TableColumn => ({
  name,
  align: 'right',
  elastic: false,
  usualWidth: 8,
});

function drawn(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  width: number | null,
  cellLinesMax: number | null = 4,
): { readonly lines: string[]; readonly note: string | null } {
  const layout = new TableLayout(columns, rows, { width, cellLinesMax });
  const pieces = [layout.head(), ...rows.map((row) => layout.row(row)), layout.bottom()];
  return { lines: pieces.join('\n').split('\n'), note: layout.note };
}

/** Columns of the terminal where bars and corners stand, of every line the same. */
function edges(lines: readonly string[]): Set<string> {
  return new Set(
    lines.map((line) => {
      let column = 0;
      const places = line.split(/[│┌┬┐├┼┤└┴┘]/).map((piece) => {
        column += displayWidth(piece) + 1;
        return column;
      });
      return places.join(' ');
    }),
  );
}

describe('a result table', () => {
  it('is as wide as its cells where there is room', () => {
    const columns = [number('id'), text('note')];
    expect(
      drawn(
        columns,
        [
          ['1', 'x'],
          ['200', '東京'],
        ],
        80,
      ),
    ).toEqual({
      lines: [
        '┌─────┬──────┐',
        '│  id │ note │',
        '├─────┼──────┤',
        '│   1 │ x    │',
        '│ 200 │ 東京 │',
        '└─────┴──────┘',
      ],
      note: null,
    });
  });

  it('folds long texts, the longest first, and ends very long ones with an ellipsis', () => {
    const columns = [number('id'), text('long'), text('short')];
    const { lines, note } = drawn(columns, [['1', 'word '.repeat(40).trim(), 'short text']], 40);
    expect(note).toBeNull();
    expect(lines.map((line) => displayWidth(line))).toEqual(lines.map(() => 40));
    expect(lines[3]).toContain('│ short text │');
    expect(lines.filter((line) => line.includes('word'))).toHaveLength(4);
    expect(lines.at(-2)).toMatch(/…/);
  });

  it('folds all of a number that came later and is wider than its column', () => {
    const layout = new TableLayout([number('n')], [['1']], { width: 20, cellLinesMax: 1 });
    expect(layout.row(['12'])).toBe('│ 1 │\n│ 2 │');
  });

  it('has room for what is usual where rows are yet to come', () => {
    const layout = new TableLayout([number('n')], [['1']], {
      width: 20,
      cellLinesMax: 4,
      grows: true,
    });
    expect(layout.row(['12345678'])).toBe('│ 12345678 │');
  });

  it('drops columns from the middle and says so', () => {
    const columns = Array.from({ length: 30 }, (_, at) => number(`c${at}`));
    const { lines, note } = drawn(columns, [columns.map((_, at) => String(1000 + at))], 80);
    expect(note).toBe('10 of 30 columns shown');
    const names = (lines[1] ?? '').split('│').map((cell) => cell.trim());
    expect(names).toEqual([
      '',
      'c0',
      'c1',
      'c2',
      'c3',
      'c4',
      '…',
      'c25',
      'c26',
      'c27',
      'c28',
      'c29',
      '',
    ]);
    expect((lines[3] ?? '').split('│')[7]?.trim()).toBe('1025');
  });

  it('without a width nothing is left out', () => {
    const columns = Array.from({ length: 30 }, (_, at) => text(`c${at}`));
    const cell = 'x'.repeat(500);
    const { lines, note } = drawn(columns, [columns.map(() => cell)], null, null);
    expect(note).toBeNull();
    expect((lines.join('').match(/x/g) ?? []).length).toBe(30 * 500);
  });

  const cell = fc.oneof(
    fc.string({ maxLength: 40, unit: fc.constantFrom('a', ' ', '東', '🎉', 'e\u0301', 'ｶﾞ', '1') }),
    fc.constant('NULL'),
    fc.bigInt().map(String),
  );
  const table = fc.integer({ min: 1, max: 40 }).chain((columns) =>
    fc.record({
      grows: fc.boolean(),
      columns: fc.array(
        fc.record({
          name: fc.string({ maxLength: 30 }).map((name) => name.replaceAll('…', '')),
          align: fc.constantFrom('left' as const, 'right' as const),
          elastic: fc.boolean(),
          usualWidth: fc.constantFrom(2, 8, 23),
        }),
        { minLength: columns, maxLength: columns },
      ),
      first: fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { maxLength: 3 }),
      later: fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { maxLength: 3 }),
    }),
  );

  it.each([20, 60, 80, 120, 200])('has no line that is wider than %i columns', (width) => {
    fc.assert(
      fc.property(table, ({ columns, first, later, grows }) => {
        const layout = new TableLayout(columns, first, { width, cellLinesMax: 4, grows });
        const rows = [...first, ...later].map((row) => layout.row(row));
        const lines = [layout.head(), ...rows, layout.rowGap(), layout.bottom()]
          .join('\n')
          .split('\n');
        for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width);
        expect(edges(lines).size).toBe(1);
      }),
      { numRuns: 60, seed: 7 },
    );
  });
});
