/**
 * EXPLAIN: the logical or the pipeline plan of a job as a tree of text, as JSON, or as a Mermaid
 * diagram. Owns the choice and the drawing; what is said of a node is explain-logical.ts and
 * explain-pipeline.ts.
 */
import { assertNever } from '../../base/assert.js';
import { explainPartitions } from './explain-fragments.js';
import type { ExplainedPartitions } from './explain-fragments.js';
import { describeLogical } from './explain-logical.js';
import { describePipeline } from './explain-pipeline.js';
import type { PartitioningStrategy } from '../fragments/fragments.js';
import type { JobPlan, QueryPlan } from '../pipeline/pipeline-plan.js';
import type { ExplainedNode } from './explained.js';
import type { ExplainedQuery } from './explained.js';

export interface ExplainOptions {
  readonly stage: 'logical' | 'pipeline';
  readonly format: 'text' | 'json' | 'mermaid';
  /** How rows go to partitions on V2; null, the default: as each query decides. */
  readonly strategy?: PartitioningStrategy | null;
}

/** Throws ConfigError FLAG_INVALID when the strategy does not fit a query. */
export function explain(plan: JobPlan, options: ExplainOptions): string {
  const queries =
    options.stage === 'logical'
      ? plan.logical.map(describeLogical)
      : plan.queries.map((query) => describePipeline(query, partitionsOf(query, options)));
  switch (options.format) {
    case 'text':
      return [...queries.map(queryText), ...warningText(plan)].join('\n');
    case 'json': {
      const shown =
        options.stage === 'logical'
          ? plan.logical
          : plan.queries.map((query) => ({ ...query, v2: partitionsOf(query, options) }));
      return JSON.stringify(
        { stage: options.stage, queries: shown, warnings: plan.warnings },
        plain,
        2,
      );
    }
    case 'mermaid':
      return mermaid(queries);
    default:
      return assertNever(options.format);
  }
}

function partitionsOf(query: QueryPlan, options: ExplainOptions): ExplainedPartitions {
  return explainPartitions(query, options.strategy ?? null);
}

/** Spans are noise, BIGINTs digits, an unbounded frame text; JSON has none of them. */
function plain(key: string, value: unknown): unknown {
  if (key === 'span') return undefined;
  if (typeof value === 'bigint') return value.toString();
  return value === Infinity ? 'unbounded' : value;
}

function warningText(plan: JobPlan): readonly string[] {
  return plan.warnings.length === 0 ? [] : ['', ...plan.warnings.map((line) => `warning: ${line}`)];
}

function queryText(query: ExplainedQuery): string {
  return [
    `${query.id}: ${query.facts.join('; ')}`,
    ...noteOf(query),
    ...treeLines(query.root, '', ''),
  ].join('\n');
}

function noteOf({ note }: ExplainedQuery): readonly string[] {
  return note === null ? [] : [note];
}

/** `first` stands before the node's title, `rest` before everything below it. */
function treeLines(node: ExplainedNode, first: string, rest: string): readonly string[] {
  const hasInputs = node.inputs.length > 0;
  const bar = hasInputs ? '│ ' : '  ';
  const mode = node.mode === null ? '' : ` → ${node.mode}`;
  return [
    `${first}${node.title}${mode}`,
    ...node.details.map((detail) => `${rest}${bar}  ${detail}`),
    ...node.inputs.flatMap((input, at) => {
      const isLast = at === node.inputs.length - 1;
      return treeLines(
        input,
        `${rest}${isLast ? '└─ ' : '├─ '}`,
        `${rest}${isLast ? '   ' : '│  '}`,
      );
    }),
  ];
}

function mermaid(queries: readonly ExplainedQuery[]): string {
  const lines: string[] = ['flowchart BT'];
  let count = 0;
  const quoted = (text: string): string => text.replaceAll('"', '#quot;').replaceAll('<', '#lt;');
  const draw = (node: ExplainedNode): string => {
    count += 1;
    const name = `n${count}`;
    lines.push(`  ${name}["${[node.title, ...node.details].map(quoted).join('<br/>')}"]`);
    for (const input of node.inputs) {
      const label = input.mode === null ? '' : `|${input.mode}|`;
      lines.push(`  ${draw(input)} -->${label} ${name}`);
    }
    return name;
  };
  for (const query of queries) {
    const root = draw(query.root);
    const sink = `${root}_sink`;
    lines.push(
      `  ${sink}(["${quoted([query.id, ...query.facts, ...noteOf(query)].join('<br/>')).replaceAll('#lt;br/>', '<br/>')}"])`,
    );
    lines.push(`  ${root} -->${query.root.mode === null ? '' : `|${query.root.mode}|`} ${sink}`);
  }
  return lines.join('\n');
}
