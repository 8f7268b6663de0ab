/**
 * Whether a Kafka cluster answers, for who asks before there is a job: one look at what it speaks
 * and at its brokers, each of which has to be reached under the address that it names. Owns the
 * questions; nothing is asked twice, and nothing is asked about a topic (cluster.ts).
 */
import type { Clock } from '../../../base/clock.js';
import type { ConnectorError } from '../../../base/errors.js';
import type { ClientSettings } from '../settings/client-settings.js';
import type { KafkaEndpoint } from '../settings/table-options.js';
import { apiVersionsV3, metadataV12 } from './client-parts.js';
import { ClusterLink, LinkFailure, LinkFailures } from './cluster-link.js';
import { brokerUnreachable } from './cluster-errors.js';

export interface ClusterFound {
  readonly brokers: number;
  /** Of brokers that the cluster names and that cannot be reached so. */
  readonly unreachable: readonly ConnectorError[];
}

/**
 * Throws BROKER_UNREACHABLE, KAFKA_AUTHENTICATION, KAFKA_TLS or KAFKA_BROKER_OLD, after the
 * endpoint's 'connect.timeout' at the latest.
 */
export async function probeCluster(
  endpoint: KafkaEndpoint,
  settings: ClientSettings,
  clock: Clock,
): Promise<ClusterFound> {
  const link = new ClusterLink(endpoint, settings, clock);
  try {
    const { brokers } = await link.anywhere(async (connection, timeoutMs) => {
      // A broker that is too old for one of these says so.
      await link.ask(connection, timeoutMs, apiVersionsV3, 'velo', '1');
      return link.ask(connection, timeoutMs, metadataV12, [], false);
    }, link.patienceMs);
    link.know(new Map(brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }])));
    const tried = await Promise.all(
      brokers.map(({ nodeId }) => link.to(link.addressOf(nodeId), link.patienceMs).catch(errorOf)),
    );
    const unreachable = tried.filter((each) => each instanceof Error);
    return { brokers: brokers.length, unreachable };
  } catch (error) {
    throw worst(endpoint, error);
  } finally {
    link.close();
  }
}

function errorOf(error: unknown): ConnectorError {
  if (error instanceof LinkFailure) return error.failure.error;
  throw error;
}

/** What is certain goes before what looks like a wrong setting, and that before what may pass. */
function worst(endpoint: KafkaEndpoint, error: unknown): unknown {
  if (!(error instanceof LinkFailures)) return error;
  const { failures } = error;
  const [first] = failures;
  const sure =
    failures.find(({ kind }) => kind === 'final') ??
    failures.find(({ kind }) => kind === 'suspected');
  return sure?.error ?? brokerUnreachable(endpoint, error.message, first?.error);
}
