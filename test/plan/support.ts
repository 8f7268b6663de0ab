/**
 * Planning SQL text in tests: the plan of a script, its faults as one line each (code, the text
 * that the span covers, message), and walks over pipeline nodes. Ready tables to read from.
 */
import { CONNECTOR_FACTS } from '../../src/connectors/registry.js';
import { planScript } from '../../src/plan/planner.js';
import type { PlanOptions } from '../../src/plan/planner.js';
import { explain } from '../../src/plan/explain/explain-plan.js';
import { pipelineInputs } from '../../src/plan/pipeline/pipeline-plan.js';
import type { JobPlan, PipelineNode, QueryPlan } from '../../src/plan/pipeline/pipeline-plan.js';
import type { SqlError } from '../../src/base/errors.js';
import { parseScript } from '../../src/sql/parser.js';

export const TABLES = `
CREATE TABLE t (
  id BIGINT, amount DOUBLE, name STRING, price DECIMAL(10, 2), ok BOOLEAN, day DATE,
  ts TIMESTAMP(3), info ROW<a BIGINT, inner_row ROW<c STRING>>, list ARRAY<BIGINT>,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'file', 'path' = 't.jsonl', 'format' = 'json');
CREATE TABLE u (id BIGINT, name STRING, v BIGINT, trade_time BIGINT, at TIMESTAMP(3))
  WITH ('connector' = 'kafka', 'topic' = 'u', 'format' = 'json',
    'properties.bootstrap.servers' = 'localhost:9092');
CREATE TABLE g (k BIGINT AS i % 3, twice DOUBLE AS k * 2.0)
  WITH ('connector' = 'generator', 'rows' = '10');
CREATE TABLE endless (i BIGINT) WITH ('connector' = 'generator');
CREATE TABLE sink (a BIGINT, b DOUBLE, PRIMARY KEY (a) NOT ENFORCED)
  WITH ('connector' = 'file', 'path' = 'out.jsonl', 'format' = 'json');
`;

export interface Planned {
  readonly sql: string;
  readonly plan: JobPlan | null;
  readonly faults: readonly SqlError[];
}

export function planSql(sql: string, options: Partial<PlanOptions> = {}): Planned {
  const { script, faults, warnings } = parseScript(sql, {
    sourceName: 'test.sql',
    variables: (name) => (name === 'DIR' ? '/data' : undefined),
  });
  const planned = planScript(
    script,
    { name: 'test.sql', text: sql },
    {
      settings: {},
      changelog: false,
      quotedSchemas: new Map(),
      connectors: CONNECTOR_FACTS,
      warnings,
      ...options,
    },
  );
  return { sql, plan: planned.plan, faults: [...faults, ...planned.faults] };
}

/** The plan of a query over TABLES; throws when the query is at fault. */
export function planOf(query: string, options: Partial<PlanOptions> = {}): JobPlan {
  const { plan, faults } = planSql(TABLES + query, options);
  if (plan === null) throw new Error(faults.map((fault) => fault.message).join('\n'));
  return plan;
}

export function queryOf(query: string, options: Partial<PlanOptions> = {}): QueryPlan {
  return planOf(query, options).queries.at(-1)!;
}

export function explained(query: string, stage: 'logical' | 'pipeline' = 'pipeline'): string {
  return explain(planOf(query), { stage, format: 'text' });
}

/** `COLUMN_NOT_FOUND amuont` per fault: the code and the text it points at. */
export function faultsOf(query: string, options: Partial<PlanOptions> = {}): string[] {
  const { sql, faults } = planSql(TABLES + query, options);
  return faults.map((fault) => `${fault.key} ${textOf(sql, fault)}`);
}

export function firstFault(query: string, options: Partial<PlanOptions> = {}): SqlError {
  const [fault] = planSql(TABLES + query, options).faults;
  if (fault === undefined) throw new Error(`no fault in ${query}`);
  return fault;
}

export function textOf(sql: string, fault: SqlError): string {
  return fault.span === undefined ? '' : sql.slice(fault.span.start, fault.span.end);
}

/** All nodes of a tree, the root first. */
export function nodesOf(root: PipelineNode): PipelineNode[] {
  return [root, ...pipelineInputs(root).flatMap(nodesOf)];
}

export function nodeOf<K extends PipelineNode['kind']>(
  query: QueryPlan,
  kind: K,
): Extract<PipelineNode, { kind: K }> {
  const found = nodesOf(query.root).find((node) => node.kind === kind);
  if (found === undefined) throw new Error(`no ${kind} in the plan`);
  return found as Extract<PipelineNode, { kind: K }>;
}

/** Names and types of a query's result columns. */
export function resultColumns(query: string): string[] {
  return queryOf(query).sink.schema.map(({ name, type }) => `${name}: ${type.kind}`);
}
