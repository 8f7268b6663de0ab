/**
 * What of the rows that a killed job has written must be the same as in a run that nothing came
 * between: owns this comparison, by key and in order, whatever partitions the rows are in.
 */
import type { KillCase } from './kill-cases.js';
import type { Written } from './kill-lanes.js';

type Row = Readonly<Record<string, unknown>>;

/**
 * By key, what is there of it: its lines in order, or sorted, or those of a changelog that were not
 * taken back. A key that stands in two partitions has an order in each of them.
 */
export function rowsByKey(
  written: Written,
  { key, compared }: Pick<KillCase, 'key' | 'compared'>,
): Readonly<Record<string, readonly string[]>> {
  const found = new Map<string, string[]>();
  for (const line of written.flat()) {
    const row = JSON.parse(line) as Row;
    const name = key.map((each) => String(row[each])).join(' ');
    found.set(name, [...(found.get(name) ?? []), line]);
  }
  const sorted = [...found].sort(([one], [other]) => (one < other ? -1 : 1));
  const shown = (lines: string[]): string[] =>
    compared === 'sequence' ? lines : compared === 'rows' ? lines.sort() : standing(lines);
  return Object.fromEntries(sorted.map(([name, lines]) => [name, shown(lines)]));
}

/** Rows of a changelog that stand at its end, with how often each does. */
function standing(lines: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const { op, ...row } = JSON.parse(line) as Row;
    const text = JSON.stringify(row);
    const by = op === '+I' || op === '+U' ? 1 : -1;
    counts.set(text, (counts.get(text) ?? 0) + by);
  }
  return [...counts]
    .filter(([, count]) => count !== 0)
    .map(([text, count]) => `${count} ${text}`)
    .sort();
}
