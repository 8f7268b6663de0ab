/**
 * A strict reader of Prometheus' text format 0.0.4: every line is understood or it throws. Stricter
 * than a server: HELP and TYPE are required, a metric's lines stand together, a series comes once.
 */

export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}
export interface Family {
  readonly help: string;
  readonly type: string;
  /** By sample name: the family's own, or with _sum and _count. */
  readonly samples: Map<string, Series[]>;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`);
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
const NUMBER = /^(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]Inf|NaN)$/i;
const TYPES = ['counter', 'gauge', 'summary', 'histogram', 'untyped'];

export function parseExposition(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let current: { name: string; family: Family } | null = null;
  let help: { name: string; text: string } | null = null;
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    const comment = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`).exec(line);
    if (comment !== null) {
      const [, kind, name, rest] = comment as unknown as [string, string, string, string];
      if (families.has(name)) throw new Error(`${name} is described twice`);
      if (kind === 'HELP') {
        help = { name, text: rest };
        continue;
      }
      if (help?.name !== name) throw new Error(`TYPE of ${name} without HELP before it`);
      if (!TYPES.includes(rest)) throw new Error(`unknown type: ${line}`);
      current = { name, family: { help: help.text, type: rest, samples: new Map() } };
      families.set(name, current.family);
      continue;
    }
    const sample = SAMPLE.exec(line);
    if (sample === null || current === null) throw new Error(`not a sample: ${line}`);
    const [, name, labelText, value] = sample as unknown as [string, string, string?, string?];
    const suffixes = current.family.type === 'summary' ? ['', '_sum', '_count'] : [''];
    const { name: base } = current;
    if (!suffixes.some((suffix) => name === base + suffix)) {
      throw new Error(`${name} stands under ${base}`);
    }
    if (!NUMBER.test(value ?? '')) throw new Error(`not a number: ${line}`);
    const labels = parseLabels(labelText, line);
    const identity = `${name} ${JSON.stringify(Object.entries(labels).sort())}`;
    if (seen.has(identity)) throw new Error(`twice: ${line}`);
    seen.add(identity);
    const all = current.family.samples.get(name) ?? [];
    current.family.samples.set(name, all);
    all.push({ labels, value: Number(value?.replace('Inf', 'Infinity')) });
  }
  return families;
}

function parseLabels(text: string | undefined, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (text !== undefined && LABEL.lastIndex < text.length) {
    const match = LABEL.exec(text);
    if (match === null) throw new Error(`bad labels: ${line}`);
    const [, name, value, end] = match as unknown as [string, string, string, string];
    if (name in labels) throw new Error(`label ${name} twice: ${line}`);
    if (end === ',' && LABEL.lastIndex === text.length) throw new Error(`open list: ${line}`);
    labels[name] = value.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
  }
  return labels;
}
