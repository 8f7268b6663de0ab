/**
 * Cutting SQL text into fragments in tests: the plan of the last query over the tables of
 * support.ts and KEYED, its cut as one line per fragment, and queries that several tests use.
 */
import { planFragments } from '../../src/plan/fragments/fragments.js';
import type { FragmentPlan, PartitioningStrategy } from '../../src/plan/fragments/fragments.js';
import { pipelineInputs } from '../../src/plan/pipeline/pipeline-plan.js';
import type { PipelineNode } from '../../src/plan/pipeline/pipeline-plan.js';
import { queryOf } from './support.js';

/** Tables beside support.ts's: two with a declared key, and one of several splits. */
export const KEYED = `
CREATE TABLE trades (symbol STRING, side STRING, price DOUBLE, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH ('connector' = 'kafka', 'properties.bootstrap.servers' = 'b:1', 'topic' = 'trades', 'format' = 'json', 'key.fields' = 'symbol');
CREATE TABLE quotes (symbol STRING, bid DOUBLE)
  WITH ('connector' = 'kafka', 'properties.bootstrap.servers' = 'b:1', 'topic' = 'quotes', 'format' = 'json', 'key.fields' = 'symbol');
CREATE TABLE spread (i BIGINT, k BIGINT AS i % 3)
  WITH ('connector' = 'generator', 'rows' = '10', 'splits' = '4');
`;

export function fragmentsOf(
  sql: string,
  strategy: PartitioningStrategy | null = null,
): FragmentPlan {
  return planFragments(queryOf(KEYED + sql), { strategy });
}

const shortId = (id: string): string => id.replace(/^.*\//, '');

/** `aggregate-1(calc-1(<0>))`: <0> is the exchange of edge 0. */
function shape(node: PipelineNode): string {
  if (node.kind === 'exchange') return `<${node.edge}>`;
  const inputs = pipelineInputs(node).map(shape);
  return `${shortId(node.id)}${inputs.length === 0 ? '' : `(${inputs.join(', ')})`}`;
}

function routingText(plan: FragmentPlan, index: number): string {
  const edge = plan.edges[index]!;
  const { routing } = edge;
  const by =
    routing.kind === 'hash'
      ? routing.keys.map((column) => edge.schema[column]!.name).join(',')
      : `[${routing.kind}]`;
  return `${by}${edge.partial === null ? '' : ' partial'}`;
}

/** One line per fragment: what it runs, and where its rows go. */
export function cutOf(sql: string, strategy: PartitioningStrategy | null = null): string[] {
  const plan = fragmentsOf(sql, strategy);
  const to = (edge: number | null): string =>
    edge === null ? 'sink' : `<${edge}> by ${routingText(plan, edge)}`;
  return [
    ...plan.sources.map(({ root, edge }) => `${shape(root)} → ${to(edge)}`),
    ...plan.fragments.map(
      ({ root, level, parallel, target }) =>
        `${level}${parallel ? ' parallel' : ''} ${shape(root)} → ${to(target)}`,
    ),
  ];
}

export const FINAL = 'SELECT name, COUNT(*) AS n FROM t GROUP BY name EMIT FINAL';
export const CHANGES = 'SELECT name, COUNT(*) AS n FROM t GROUP BY name';
export const SYMBOLS = 'SELECT symbol, side, COUNT(*) AS n FROM trades GROUP BY side, symbol';
