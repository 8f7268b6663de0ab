/**
 * The topics that a cluster has, by name, for tables with a pattern, and the ids of topics. Owns the question alone, over
 * connections of its own that are closed with the answer; what a pattern matches is
 * settings/topic-choice.ts. Topics that the user may not describe are not in the answer.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../../base/clock.js';
import { BROKER_ERROR } from './broker-errors.js';
import type { ClientSettings } from '../settings/client-settings.js';
import type { KafkaEndpoint } from '../settings/table-options.js';
import type { NamedTopic } from '../settings/topic-choice.js';
import { metadataV12 } from './client-parts.js';
import { brokerUnreachable } from './cluster-errors.js';
import { ClusterLink, LinkFailures } from './cluster-link.js';
import type { ConnectionFailure } from './connection-failure.js';

const RETRY_PAUSE_MS = 200;

export interface ListedTopic extends NamedTopic {
  /** null: there is none of that name, or nothing may be known of it. */
  readonly id: string | null;
}

/**
 * Those of these names; null: all of them. Throws BROKER_UNREACHABLE, KAFKA_AUTHENTICATION,
 * KAFKA_TLS or KAFKA_BROKER_OLD, after 'connect.timeout' at the latest.
 */
export async function clusterTopics(
  endpoint: KafkaEndpoint,
  settings: ClientSettings,
  clock: Clock,
  names: readonly string[] | null = null,
): Promise<readonly ListedTopic[]> {
  const link = new ClusterLink(endpoint, settings, clock);
  const deadlineNs = clock.monotonicNs() + endpoint.connectTimeoutMs * 1e6;
  try {
    for (;;) {
      const failures: ConnectionFailure[] = [];
      try {
        return await link.anywhere(
          async (connection, timeoutMs) => {
            const answer = await link.ask(
              connection,
              timeoutMs,
              metadataV12,
              names === null ? null : [...names],
              false,
            );
            return answer.topics.map(({ name, isInternal, topicId, errorCode }) => ({
              name: name ?? '',
              internal: isInternal,
              id: errorCode === BROKER_ERROR.NONE ? topicId : null,
            }));
          },
          link.leftMs(deadlineNs),
          (failure) => failures.push(failure),
        );
      } catch (error) {
        if (!(error instanceof LinkFailures)) throw error;
        const final = failures.find(({ kind }) => kind === 'final');
        if (final !== undefined) throw final.error;
        if (clock.monotonicNs() + RETRY_PAUSE_MS * 1e6 >= deadlineNs) {
          throw brokerUnreachable(endpoint, error.message, failures[0]?.error);
        }
      }
      await delay(RETRY_PAUSE_MS);
    }
  } finally {
    link.close();
  }
}
