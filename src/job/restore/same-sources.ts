/**
 * Whether the things that a checkpoint's positions are positions in are still there: a topic that
 * was deleted and created again has its name, and other records at the same offsets. Owns what a
 * checkpoint keeps of them, and the comparison; what tells them apart is their connector's.
 */
import { z } from 'zod';
import { StateError } from '../../base/errors.js';
import { sourceIdentities } from '../../connectors/registry.js';
import { scansOf } from '../../plan/pipeline/pipeline-plan.js';
import type { QueryPlan } from '../../plan/pipeline/pipeline-plan.js';
import type { FoundCheckpoint } from '../../state/checkpoint/checkpoint-reader.js';

/** By `topic "orders"`; as the label of a checkpoint has them. */
export type SourceIdentities = Readonly<Record<string, string>>;

const savedSchema = z.record(z.string(), z.string());

export async function identitiesOf(queries: readonly QueryPlan[]): Promise<SourceIdentities> {
  const tables = queries.flatMap(({ root }) => scansOf(root).map(({ table }) => table));
  const known = new Map(tables.map((table) => [table.name, table]));
  return Object.fromEntries(await sourceIdentities([...known.values()]));
}

/** What is another one now; null: nothing is, as far as the checkpoint says. */
export function changedSource({ manifest }: FoundCheckpoint, now: SourceIdentities): string | null {
  const saved = savedSchema.safeParse(manifest.job['sources']);
  if (!saved.success) return null;
  const changed = Object.entries(now).find(
    ([name, id]) => saved.data[name] !== undefined && saved.data[name] !== id,
  );
  return changed?.[0] ?? null;
}

export function otherSource(name: string, { epoch }: FoundCheckpoint): StateError {
  return new StateError('STATE_INVALID', {
    message: `${name} was deleted and created again, or is another cluster's, since checkpoint epoch ${epoch}: its positions are those of other records`,
    hint: `to begin with what is there now: --restore none; where the records are the same: --restore ${epoch}`,
  });
}
