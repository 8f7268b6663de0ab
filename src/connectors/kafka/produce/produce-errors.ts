/**
 * What a broker's answer to a record batch means: stored, to be sent again, to be sent otherwise, or
 * the end. Owns the meaning of error codes; what is done about it is produce-sender.ts, what users
 * read is record-delivery.ts.
 *
 *   done        stored, now or before
 *   again       passes: corrupt on the way, timed out, too few replicas, throttled
 *   elsewhere   passes, and somebody else may lead now: unknown topic (while it is created), no or
 *               another leader, replica not there, network, disk, fenced or unknown leader epoch
 *   behind      a batch before it was refused
 *   begin-anew  the broker has forgotten the producer: its numbers begin at 0 in a new epoch
 *   too-large   not in one batch
 *   final       anything else
 *
 * OUT_OF_ORDER_SEQUENCE_NUMBER of a partition's oldest batch is final: everything before it was
 * acknowledged, so the cluster has lost records. Kafka's Java producer begins anew there (KIP-360),
 * and the loss shows nowhere.
 */
import { BROKER_ERROR } from '../cluster/broker-errors.js';
import { ConnectorError } from '../../../base/errors.js';

export type ProduceVerdict =
  'done' | 'again' | 'elsewhere' | 'behind' | 'begin-anew' | 'too-large' | 'final';

const DUPLICATE_SEQUENCE = 46;
const OUT_OF_ORDER_SEQUENCE = 45;
const UNKNOWN_PRODUCER = 59;
const TOO_LARGE: ReadonlySet<number> = new Set([10, 18]);
const AGAIN: ReadonlySet<number> = new Set([2, 7, 19, 20, 89]);
const ELSEWHERE: ReadonlySet<number> = new Set([3, 5, 6, 9, 13, 56, 74, 75]);
/** NOT_ENOUGH_REPLICAS, and the same after the append. */
const TOO_FEW_REPLICAS: ReadonlySet<number> = new Set([19, 20]);

/** `first`: the batch is the oldest of its partition that is not acknowledged. */
export function produceVerdict(errorCode: number, first: boolean): ProduceVerdict {
  if (errorCode === BROKER_ERROR.NONE || errorCode === DUPLICATE_SEQUENCE) return 'done';
  if (AGAIN.has(errorCode)) return 'again';
  if (ELSEWHERE.has(errorCode)) return 'elsewhere';
  if (TOO_LARGE.has(errorCode)) return 'too-large';
  if (errorCode === UNKNOWN_PRODUCER) return first ? 'begin-anew' : 'behind';
  return errorCode === OUT_OF_ORDER_SEQUENCE && !first ? 'behind' : 'final';
}

/** The partition is there, and takes nothing until replicas come back. */
export function lacksReplicas(errorCode: number): boolean {
  return TOO_FEW_REPLICAS.has(errorCode);
}

const REFUSALS: ReadonlySet<string> = new Set([
  'KAFKA_AUTHENTICATION',
  'KAFKA_AUTHORIZATION',
  'KAFKA_TLS',
]);

/** A login, a right or a certificate: it would be refused again. */
export function isRefusal(error: unknown): error is ConnectorError {
  return error instanceof ConnectorError && REFUSALS.has(error.key);
}
