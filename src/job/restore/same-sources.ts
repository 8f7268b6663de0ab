/**
 * Whether the things that a checkpoint's positions are positions in are still there: a topic that
 * was deleted and created again, or a file that was rotated, has its name and other records. Owns what a
 * checkpoint keeps of them, and the comparison; what tells them apart is their connector's.
 */
import { z } from 'zod';
import { StateError } from '../../base/errors.js';
import { sourceIdentities, sourcesMayChange } from '../../connectors/registry.js';
import { scansOf } from '../../plan/pipeline/pipeline-plan.js';
import type { QueryPlan } from '../../plan/pipeline/pipeline-plan.js';
import type { TableDefinition } from '../../plan/schema.js';
import type { FoundCheckpoint } from '../../state/checkpoint/checkpoint-reader.js';

/** As the label of a checkpoint has connectors' Identities. */
export type SourceIdentities = Readonly<Record<string, readonly string[]>>;

const savedSchema = z.record(z.string(), z.array(z.string()));

export async function identitiesOf(queries: readonly QueryPlan[]): Promise<SourceIdentities> {
  return Object.fromEntries(await sourceIdentities(tablesOf(queries)));
}

/** They have to be asked again for each checkpoint. */
export function mayChange(queries: readonly QueryPlan[]): boolean {
  return sourcesMayChange(tablesOf(queries));
}

function tablesOf(queries: readonly QueryPlan[]): readonly TableDefinition[] {
  const tables = queries.flatMap(({ root }) => scansOf(root).map(({ table }) => table));
  return [...new Map(tables.map((table) => [table.name, table])).values()];
}

/** What is another one now; null: nothing is, as far as the checkpoint says. */
export function changedSource({ manifest }: FoundCheckpoint, now: SourceIdentities): string | null {
  const saved = savedSchema.safeParse(manifest.job['sources']);
  if (!saved.success) return null;
  const changed = Object.entries(now).find(([name, texts]) => {
    const before = saved.data[name] ?? [];
    return texts.some((text, at) => at < before.length && before[at] !== text);
  });
  return changed?.[0] ?? null;
}

export function otherSource(name: string, { epoch }: FoundCheckpoint): StateError {
  return new StateError('STATE_INVALID', {
    message: `${name} is another one than that of checkpoint epoch ${epoch}, whose positions are those of other records`,
    detail: 'it was deleted and made again, replaced, or is that of another cluster or folder',
    hint: `to begin with what is there now: --restore none; where the records are the same: --restore ${epoch}`,
  });
}
