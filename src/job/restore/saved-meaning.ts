/**
 * What the state of a job means, as its checkpoints keep it: of each query, where its rows go and
 * what each operator's state means. Owns the form in the manifest, its version, and reading it.
 */
import { z } from 'zod';
import { StateError } from '../../base/errors.js';
import { sinkTarget, sourceOrigin } from '../../connectors/registry.js';
import type { AggregateCall, QueryPlan } from '../../plan/pipeline/pipeline-plan.js';
import type { SqlType } from '../../columnar/types.js';
import { stateMeanings } from '../../plan/state-meaning.js';
import type { OperatorMeaning } from '../../plan/state-meaning.js';
import type { CheckpointManifest } from '../../state/checkpoint/checkpoint-manifest.js';

/** Raised when a velo of today could not read what a later one writes. */
const FORM = 1;

export interface QueryMeaning {
  readonly query: string;
  /** Where its rows go. */
  readonly sink: string;
  /** By id, without the query's own. */
  readonly operators: ReadonlyMap<string, OperatorMeaning>;
}

export function meaningOf({ id, root, sink }: QueryPlan): QueryMeaning {
  const meanings = stateMeanings(root, ({ table }) => sourceOrigin(table));
  return { query: id, sink: sinkName(sink), operators: withoutQuery(id, meanings) };
}

/** `aggregate-1` of `query-1/aggregate-1`. */
export function withinQuery(query: string, operator: string): string {
  return operator.startsWith(`${query}/`) ? operator.slice(query.length + 1) : operator;
}

export function ofQuery(query: string, within: string): string {
  return `${query}/${within}`;
}

function withoutQuery(
  query: string,
  meanings: ReadonlyMap<string, OperatorMeaning>,
): Map<string, OperatorMeaning> {
  return new Map([...meanings].map(([id, meaning]) => [withinQuery(query, id), meaning]));
}

export const STDOUT = 'stdout';

function sinkName({ table, schema }: QueryPlan['sink']): string {
  if (table === null) return STDOUT;
  return `${table.connector} ${sinkTarget(table, schema)?.key ?? table.name}`;
}

/** For the manifest: JSON. */
export function savedMeaning(queries: readonly QueryMeaning[]): unknown {
  const saved = queries.map(({ query, sink, operators }) => ({
    query,
    sink,
    operators: Object.fromEntries(operators),
  }));
  return JSON.parse(JSON.stringify({ form: FORM, queries: saved }, withBigints));
}

function withBigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? { bigint: value.toString() } : value;
}

const literal = z.union([
  z.object({ bigint: z.string() }).transform(({ bigint }) => BigInt(bigint)),
  z.null(),
  z.boolean(),
  z.number(),
  z.string(),
]);
const texts = z.array(z.string());
/** Types are plain data, and who writes them sums the manifest. */
const type = z.custom<SqlType>((value) => typeof value === 'object' && value !== null);
const sortKey = z.object({
  column: z.int(),
  type,
  descending: z.boolean(),
  nullsFirst: z.boolean(),
});
const call = z.object({
  function: z.string(),
  args: z.array(z.int()),
  argTypes: z.array(type),
  literals: z.array(literal),
  filter: z.int().nullable(),
  distinct: z.boolean(),
  orderBy: z.array(sortKey),
  type,
  since: z.int().exactOptional(),
}) satisfies z.ZodType<AggregateCall>;
const groups = z.object({
  columns: z.array(z.object({ text: z.string(), type })),
  keys: z.array(z.int()),
  calls: z.array(call),
  texts,
  labels: texts,
  retracts: z.boolean(),
  prefixBytes: z.int(),
});
const operator = z.object({
  kind: z.custom<OperatorMeaning['kind']>((value) => typeof value === 'string'),
  rows: texts,
  own: texts,
  groups: groups.nullable(),
  times: texts,
  /** Absent where velo did not know of it yet. */
  ttl: z.string().nullable().default(null),
});
const form = z.object({
  form: z.literal(FORM),
  queries: z.array(
    z.object({ query: z.string(), sink: z.string(), operators: z.record(z.string(), operator) }),
  ),
});

/** Throws StateError where it is not there, or in a form that this velo does not know. */
export function readMeaning({ job, epoch, velo }: CheckpointManifest): QueryMeaning[] {
  const parsed = form.safeParse(job['meaning']);
  if (!parsed.success) {
    throw new StateError('STATE_INVALID', {
      message: `checkpoint epoch ${epoch} does not say what its state means as this velo would (velo ${velo} wrote it)`,
      hint: 'go on with the velo that wrote it, or begin without state: --restore none',
    });
  }
  return parsed.data.queries.map(({ query, sink, operators }) => ({
    query,
    sink,
    operators: new Map(Object.entries(operators)),
  }));
}
