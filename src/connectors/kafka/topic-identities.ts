/**
 * The ids of the topics that a table reads: one that was deleted and created again has another, and
 * its offsets mean other records. Owns this question, asked once at the start of a job that keeps
 * its state; while it reads, the fetcher looks itself.
 */
import { systemClock } from '../../base/clock.js';
import type { TableDefinition } from '../../plan/schema.js';
import type { Identities } from '../connector.js';
import { clusterTopics } from './cluster/cluster-topics.js';
import { clientSettings } from './settings/client-settings.js';
import { readOptions } from './settings/table-options.js';
import type { TopicChoice } from './settings/topic-choice.js';

/** By `topic "orders"`; topics that are not there, or may not be seen, are left to who opens them. */
export async function topicIdentities(table: TableDefinition): Promise<Identities> {
  const options = readOptions(table);
  const settings = clientSettings(options);
  // Where only librdkafka can talk to the cluster: it tells no ids.
  if (settings.unusable !== null) return new Map();
  const { topics } = options;
  const found = await clusterTopics(options, settings, systemClock, namesOf(topics));
  return new Map(
    found
      .filter((topic) => topics.kind !== 'pattern' || topics.pattern.matches(topic))
      .filter(({ id }) => id !== null)
      .map(({ name, id }) => [`topic "${name}"`, [String(id)]]),
  );
}

/** null: all that there are. */
function namesOf(topics: TopicChoice): readonly string[] | null {
  if (topics.kind === 'one') return [topics.name];
  return topics.kind === 'list' ? topics.names : null;
}
