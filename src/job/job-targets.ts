/**
 * What a job writes, before anything is opened: two queries that would be in each other's way, one
 * that reads what another writes without end, dead letters in the rows' own file. Owns these faults;
 * what a table writes to is its connector's to say.
 */
import { ConfigError } from '../base/errors.js';
import { addressed, checkCommits, sinkTarget, sourceKey } from '../connectors/registry.js';
import { scansOf } from '../plan/pipeline/pipeline-plan.js';
import type { QueryPlan } from '../plan/pipeline/pipeline-plan.js';
import type { TableDefinition } from '../plan/schema.js';

/** Some source of the job has no end, so it has none, and nothing that it writes is ever complete. */
export function isEndless(queries: readonly QueryPlan[]): boolean {
  return queries.some(({ root }) => scansOf(root).some(({ table }) => !table.bounded));
}

/** Throws ConfigError SETTING_INVALID for targets that the job's queries cannot share. */
export function checkTargets(queries: readonly QueryPlan[]): void {
  const writers = new Map<string, { readonly table: string; readonly form: string }>();
  for (const { sink } of queries) {
    const target = sink.table === null ? null : sinkTarget(sink.table, sink.schema);
    if (sink.table === null || target === null) continue;
    const { name: table } = sink.table;
    const before = writers.get(target.key);
    if (before === undefined) writers.set(target.key, { table, form: target.form });
    if (before === undefined || before.form === target.form) continue;
    throw new ConfigError('SETTING_INVALID', {
      message: `tables "${before.table}" and "${table}" write ${target.label} in different forms`,
      hint: 'give both the same format, options and columns, or write to two places',
    });
  }
  if (isEndless(queries)) checkReaders(queries, writers);
  checkCommits(tablesOf(queries), null);
}

/** Throws ConfigError SETTING_INVALID where rows cannot wait for a state that is kept so often. */
export function checkCommitInterval(queries: readonly QueryPlan[], intervalMs: number): void {
  checkCommits(tablesOf(queries), intervalMs);
}

function tablesOf(queries: readonly QueryPlan[]): (TableDefinition | null)[] {
  return queries.map(({ sink }) => sink.table);
}

function checkReaders(
  queries: readonly QueryPlan[],
  writers: ReadonlyMap<string, { readonly table: string }>,
): void {
  for (const { table } of queries.flatMap(({ root }) => scansOf(root))) {
    const key = sourceKey(table);
    const writer = key === null ? undefined : writers.get(key);
    if (writer === undefined) continue;
    throw new ConfigError('SETTING_INVALID', {
      message: `table "${table.name}" reads what table "${writer.table}" writes without end`,
      hint: 'write to another place',
    });
  }
}

/** Throws ConfigError FLAG_INVALID where dead letters and a query's rows would go to one place. */
export function checkLetterTarget(queries: readonly QueryPlan[], uri: string | null): void {
  if (uri === null) return;
  const letters = sinkTarget(addressed(uri).table, []);
  for (const { table, schema } of queries.map(({ sink }) => sink)) {
    const target = table === null ? null : sinkTarget(table, schema);
    if (target === null || target.key !== letters?.key) continue;
    throw new ConfigError('FLAG_INVALID', {
      message: `--dead-letter ${uri} is what table "${table?.name ?? ''}" writes`,
      hint: 'give dead letters a place of their own',
    });
  }
}
