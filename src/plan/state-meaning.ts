/**
 * What the state of an operator means: what its rows went through below it, and what the operator
 * does with them and holds of them. Owns these texts, which speak of the columns of sources, and
 * nothing of names, aliases and what stands above an operator; so that a query that was changed
 * elsewhere has them still. Comparing two of them is job/restore's.
 */
import { createHash } from 'node:crypto';
import { typeText } from '../columnar/types.js';
import type { SqlType } from '../columnar/types.js';
import { expressionText, valueText } from './expression/expression-text.js';
import { visitColumns } from './expression/expression-walk.js';
import type { BoundExpression } from './expression/expression.js';
import { pipelineInputs } from './pipeline/pipeline-plan.js';
import type {
  AggregateCall,
  AggregateNode,
  PipelineNode,
  ScanNode,
  SortKey,
  WindowAggregateNode,
  WindowCall,
} from './pipeline/pipeline-plan.js';
import { frameText, windowText } from './pipeline/state-signature.js';
import { nodeTtlText } from './pipeline/state-ttl.js';

export interface OperatorMeaning {
  readonly kind: PipelineNode['kind'];
  /** What its rows went through, from the sources up, a step each. */
  readonly rows: readonly string[];
  /** What it does with them, and the columns that it holds. */
  readonly own: readonly string[];
  /** Of operators whose state may lose and gain aggregates; else null. */
  readonly groups: GroupMeaning | null;
  /** The columns whose times make watermarks below it. */
  readonly times: readonly string[];
  /** When it expires; null: never. State is the same whatever it says. */
  readonly ttl: string | null;
}

/** The groups of GROUP BY, with or without a window, in columns of their own numbers. */
export interface GroupMeaning {
  readonly columns: readonly { readonly text: string; readonly type: SqlType }[];
  readonly keys: readonly number[];
  readonly calls: readonly AggregateCall[];
  /** What each call means, and how it is shown. */
  readonly texts: readonly string[];
  readonly labels: readonly string[];
  readonly retracts: boolean;
  /** Bytes of fields in front of each group in a snapshot: its window. */
  readonly prefixBytes: number;
}

/** What a scan's positions are positions in, by which it is found again. */
export type SourceOrigin = (scan: ScanNode) => string;

/** By id, of every operator of a query, scans among them. */
export function stateMeanings(
  root: PipelineNode,
  originOf: SourceOrigin,
): Map<string, OperatorMeaning> {
  const found = new Map<string, OperatorMeaning>();
  const visit = (node: PipelineNode): Flow => {
    const step = stepOf(node, pipelineInputs(node).map(visit), originOf);
    found.set(node.id, { ...step.meaning, ttl: nodeTtlText(node) });
    return step.flow;
  };
  visit(root);
  return found;
}

/** Equal where state fits as it is. */
export function stateSignature(meaning: OperatorMeaning): string {
  const { kind, rows, own, groups } = meaning;
  return digest(JSON.stringify([kind, rows, own, groups?.texts ?? null]));
}

interface MeantColumn {
  /** In terms of the sources' columns. */
  readonly text: string;
  readonly type: SqlType;
  /** The columns of sources in it, with their types. */
  readonly sources: readonly string[];
}

/** The rows on an edge. */
interface Flow {
  readonly rows: readonly string[];
  readonly columns: readonly MeantColumn[];
  readonly times: readonly string[];
}

interface Step {
  readonly meaning: Omit<OperatorMeaning, 'ttl'>;
  readonly flow: Flow;
}

function stepOf(node: PipelineNode, inputs: readonly Flow[], originOf: SourceOrigin): Step {
  const input: Flow = inputs[0] ?? { rows: [], columns: [], times: [] };
  const { columns, times } = input;
  const listed = (numbers: readonly number[]): string =>
    numbers.map((at) => columnText(columns[at])).join(', ');
  switch (node.kind) {
    case 'scan': {
      const rows = [`from ${node.table.connector} ${originOf(node)}`];
      const read = node.schema.map(({ name, type }) => ({
        text: name,
        type,
        sources: [`${name} ${typeText(type)}`],
      }));
      const meaning = { kind: node.kind, rows, own: [], groups: null, times };
      return { meaning, flow: { rows, columns: read, times } };
    }
    case 'calc': {
      const { filter, projections } = node;
      const where =
        filter === null ? [] : [`where ${columnText(meant(filter, columns), 'untyped')}`];
      const rows = [...input.rows, ...where];
      const given = projections.map((projection) => meant(projection, columns));
      return stateless(node, input, { rows, columns: given, times });
    }
    case 'watermark':
      return stateless(node, input, {
        ...input,
        times: [...times, `watermark ${listed([node.column])} - ${node.boundMs} ms`],
      });
    case 'aggregate':
    case 'window-aggregate':
      return grouped(node, input);
    case 'window-columns': {
      const window = `windows ${windowText(node.window)} of ${listed([node.timeColumn])}`;
      const late = node.late === null ? [] : [lateText(node.late)];
      const added = node.schema.slice(columns.length).map(madeColumn(window));
      const rows = [...input.rows, ...times, window, ...late];
      return stateless(node, input, { rows, columns: [...columns, ...added], times });
    }
    case 'rows-window':
      return holding(node, input, [
        `partition by ${listed(node.partitionBy)}`,
        `order by ${orderText(node.orderBy, columns)}`,
        `buffer ${node.bufferRows} rows, ${node.emit}`,
        node.expiry === null
          ? 'no expiry'
          : `expiry ${node.expiry.inactivityMs} ms of ${listed([node.expiry.column])}`,
        ...node.calls.map((call) => callMeaning(call, columns)),
      ]);
    case 'over':
      return holding(node, input, [
        ...times,
        `partition by ${listed(node.partitionBy)}`,
        `order by ${listed([node.timeColumn])}, ${orderText(node.ties, columns)}`,
        lateText(node.late),
        ...node.calls.map((call) => callMeaning(call, columns)),
      ]);
    case 'top-n':
      return holding(node, input, [
        `partition by ${listed(node.partitionBy)}`,
        `order by ${orderText(node.orderBy, columns)}`,
        `first ${node.limit}${node.rankColumn ? ' with their number' : ''}`,
      ]);
    case 'sort':
      return holding(node, input, [
        `partition by ${listed(node.partitionBy)}`,
        `order by ${orderText(node.keys, columns)}`,
        node.limit === null ? 'all' : `first ${node.limit}`,
        ...(node.windowEnd === null
          ? []
          : [...times, `windows that end ${listed([node.windowEnd])}`]),
      ]);
    case 'limit':
      return holding(node, input, [`limit ${node.count}, ${node.counts}`], {
        rows: node.counts !== 'passing',
      });
    case 'final':
      return holding(node, input, [
        node.windowEnd === null ? 'final at the end' : `final behind ${listed([node.windowEnd])}`,
        `lateness ${node.latenessMs} ms`,
        ...(node.windowEnd === null ? [] : times),
        `by ${node.keys.map(listed).join(' or ')}`,
      ]);
    case 'join':
      return joined(node, inputs);
    case 'union':
      return united(node, inputs);
    case 'watermark-delay':
    case 'exchange':
      return stateless(node, input, input);
  }
}

function stateless({ kind }: PipelineNode, input: Flow, flow: Flow): Step {
  const { rows, times } = input;
  return { meaning: { kind, rows, own: [], groups: null, times }, flow };
}

/** An operator that holds whole rows: what it gives has its columns, then its own. */
function holding(
  node: PipelineNode,
  input: Flow,
  does: readonly string[],
  holds: { readonly rows: boolean } = { rows: true },
): Step {
  const { rows, columns, times } = input;
  const calls: readonly WindowCall[] = 'calls' in node ? node.calls : [];
  const more = node.schema.slice(columns.length).map((column, at): MeantColumn => {
    const call = calls[at];
    const text = call === undefined ? 'row number' : callMeaning(call, columns);
    return { text, type: column.type, sources: [] };
  });
  return {
    meaning: {
      kind: node.kind,
      rows,
      own: holds.rows ? [...does, ...modesOf(node), heldText(input)] : does,
      groups: null,
      times,
    },
    flow: {
      rows: [...rows, `${node.kind}: ${does.join('; ')}`],
      columns: [...columns, ...more],
      times,
    },
  };
}

function grouped(node: AggregateNode | WindowAggregateNode, input: Flow): Step {
  const { columns, times } = input;
  const keys = node.keys.map((key) => columnText(columns[key]));
  const retracts = node.input.mode === 'retract';
  const own = [
    `group by ${keys.length === 0 ? 'nothing' : keys.join(', ')}`,
    ...(retracts ? ['of rows that may be taken back'] : []),
    ...(node.kind === 'aggregate' ? plainFacts(node) : windowFacts(node, input)),
  ];
  const texts = node.aggregates.map((call) => callMeaning(call, columns));
  const window = own.join('; ');
  const given = [
    ...node.keys.map((key) => columns[key] as MeantColumn),
    ...node.schema.slice(node.keys.length, -node.aggregates.length || undefined),
  ].map((column) => ('text' in column ? column : madeColumn(window)(column)));
  const results = node.aggregates.map(({ type }, at) => ({
    text: texts[at] ?? '',
    type,
    sources: [],
  }));
  const rows = [...input.rows, own.join('; ')];
  return {
    meaning: {
      kind: node.kind,
      rows: input.rows,
      own,
      groups: groupMeaning(node, columns, texts),
      times,
    },
    flow: { rows, columns: [...given, ...results], times },
  };
}

function plainFacts({ emission, distinct }: AggregateNode): string[] {
  const gives = emission === 'final' ? 'emit final' : 'emit changes';
  return distinct ? [gives, 'distinct'] : [gives];
}

function windowFacts(node: WindowAggregateNode, { columns, times }: Flow): string[] {
  return [
    `${windowText(node.window)} of ${columnText(columns[node.timeColumn])}`,
    `emit ${node.emission}`,
    lateText(node.late),
    ...times,
  ];
}

/** Start and end of a window; of a session also the order in which it came. */
const WINDOW_BYTES = 16;
const SESSION_BYTES = 24;

function groupMeaning(
  node: AggregateNode | WindowAggregateNode,
  columns: readonly MeantColumn[],
  texts: readonly string[],
): GroupMeaning {
  const numbers = new Map<string, number>();
  const own: { text: string; type: SqlType }[] = [];
  const number = (at: number): number => {
    const column = columns[at] as MeantColumn;
    const text = columnText(column);
    const known = numbers.get(text);
    if (known !== undefined) return known;
    numbers.set(text, own.length);
    own.push({ text, type: column.type });
    return own.length - 1;
  };
  const keys = node.keys.map(number);
  const calls = node.aggregates.map((call) => ({
    ...call,
    args: call.args.map(number),
    filter: call.filter === null ? null : number(call.filter),
    orderBy: call.orderBy.map((key) => ({ ...key, column: number(key.column) })),
  }));
  const isSession = node.kind === 'window-aggregate' && node.window.kind === 'session';
  const windowBytes = isSession ? SESSION_BYTES : WINDOW_BYTES;
  const prefixBytes = node.kind === 'aggregate' ? 0 : windowBytes;
  const labels = node.aggregates.map((call) => callMeaning(call, columns, 'label'));
  const retracts = node.input.mode === 'retract';
  return { columns: own, keys, calls, texts, labels, retracts, prefixBytes };
}

function joined(
  node: PipelineNode & { readonly kind: 'join' },
  [left, right]: readonly Flow[],
): Step {
  const sides = [left, right].map((flow, at): Flow => {
    const side = at === 0 ? 'left' : 'right';
    const { rows, columns, times } = flow as Flow;
    return {
      rows: rows.map((line) => `${side}: ${line}`),
      columns: columns.map(({ text, type, sources }) => ({
        text: `${side} ${text}`,
        type,
        sources: sources.map((source) => `${side} ${source}`),
      })),
      times,
    };
  });
  const columns = sides.flatMap((side) => side.columns);
  const width = sides[0]?.columns.length ?? 0;
  const keys = node.leftKeys.map(
    (key, at) =>
      `${columnText(columns[key])} = ${columnText(columns[width + (node.rightKeys[at] ?? 0)])}`,
  );
  const { condition } = node;
  const does = [
    `${node.type} join on ${keys.join(' and ')}`,
    ...(condition === null ? [] : [columnText(meant(condition, columns), 'untyped')]),
  ];
  const rows = sides.flatMap((side) => side.rows);
  const times = sides.flatMap((side) => side.times);
  const own = [...does, ...modesOf(node), ...sides.map(heldText)];
  return {
    meaning: { kind: node.kind, rows, own, groups: null, times },
    flow: { rows: [...rows, does.join('; ')], columns, times },
  };
}

/** Rows that may be taken back are held in another form. */
function modesOf(node: PipelineNode): string[] {
  return pipelineInputs(node).map(({ mode }) => `of rows in mode ${mode}`);
}

function heldText({ columns }: Flow): string {
  return `holds ${columns.map((column) => columnText(column)).join(', ')}`;
}

function united({ kind, schema }: PipelineNode, inputs: readonly Flow[]): Step {
  const rows = inputs.flatMap((input, at) => input.rows.map((line) => `branch ${at + 1}: ${line}`));
  const times = inputs.flatMap((input) => input.times);
  const columns = schema.map(({ type }, at): MeantColumn => {
    const branches = inputs.map((input) => input.columns[at] as MeantColumn);
    const texts = new Set(branches.map(({ text }) => text));
    const sources = [...new Set(branches.flatMap((branch) => branch.sources))];
    return { text: short([...texts].join(' or ')), type, sources };
  });
  const own = [`${inputs.length} branches`];
  return {
    meaning: { kind, rows, own, groups: null, times },
    flow: { rows, columns, times },
  };
}

function madeColumn(by: string) {
  return ({ name, type }: { readonly name: string; readonly type: SqlType }): MeantColumn => ({
    text: `${name} of (${short(by)})`,
    type,
    sources: [],
  });
}

/** `region VARCHAR`, `amount > 3 BOOLEAN (amount BIGINT)`; untyped `amount > 3 (amount BIGINT)`. */
function columnText(column: MeantColumn | undefined, form: TextForm = 'typed'): string {
  if (column === undefined) return '?';
  if (form === 'label') return column.text;
  const own = form === 'typed' ? `${column.text} ${typeText(column.type)}` : column.text;
  const isPlain = column.sources.length === 1 && column.sources[0] === own;
  return isPlain || column.sources.length === 0 ? own : `${own} (${column.sources.join(', ')})`;
}

/** 'label': for people, who know the types. */
type TextForm = 'typed' | 'untyped' | 'label';

function meant(expression: BoundExpression, columns: readonly MeantColumn[]): MeantColumn {
  const sources = new Set<string>();
  visitColumns(expression, ({ index }) => {
    for (const source of columns[index]?.sources ?? []) sources.add(source);
  });
  const text = expressionText(expression, ({ index, name }) => columns[index]?.text ?? name);
  return { text: short(text), type: expression.type, sources: [...sources].sort() };
}

function callMeaning(
  call: AggregateCall | WindowCall,
  columns: readonly MeantColumn[],
  form: TextForm = 'typed',
): string {
  const args = call.args.map((arg) => columnText(columns[arg], form));
  const literals = call.literals.map((value) =>
    typeof value === 'object' ? JSON.stringify(value, exact) : valueText(value, LITERAL),
  );
  const inside = [...args, ...literals].join(', ');
  const order = call.orderBy.length === 0 ? '' : ` order by ${orderText(call.orderBy, columns)}`;
  const filter =
    call.filter === null
      ? ''
      : ` filter ${columnText(columns[call.filter], form === 'label' ? form : 'untyped')}`;
  const frame = 'frame' in call && call.frame !== null ? ` ${frameText(call.frame)}` : '';
  const distinct = call.distinct ? 'DISTINCT ' : '';
  const name = inside === '' && call.function === 'COUNT' ? '*' : inside;
  return short(`${call.function}(${distinct}${name})${order}${filter}${frame}`);
}

const LITERAL: SqlType = { kind: 'double' };

function orderText(keys: readonly SortKey[], columns: readonly MeantColumn[]): string {
  const texts = keys.map(({ column, descending, nullsFirst }) => {
    const nulls = nullsFirst === descending ? '' : nullsFirst ? ' nulls first' : ' nulls last';
    return `${columnText(columns[column])}${descending ? ' desc' : ''}${nulls}`;
  });
  return texts.length === 0 ? 'arrival' : texts.join(', ');
}

/** Where dead letters go says nothing of what is held. */
function lateText(late: WindowAggregateNode['late']): string {
  const strategy = late.strategy === 'dead-letter' ? 'drop' : late.strategy;
  return `late ${strategy} after ${late.allowedLatenessMs} ms`;
}

function exact(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

/** Longer texts end in their digest: a column that is named twice at every level doubles its text. */
const TEXT_MAX = 300;

function short(text: string): string {
  return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX / 2)}… #${digest(text)}`;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
