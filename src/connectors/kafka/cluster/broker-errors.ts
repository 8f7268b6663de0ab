/**
 * Error codes in the answers of brokers: the ones that velo acts on, by name, and all of them as
 * text. Which of them pass depends on the question, and stands where it is asked.
 */
import { protocolErrors, protocolErrorsCodesById } from './client-parts.js';

export const BROKER_ERROR = {
  NONE: 0,
  OFFSET_OUT_OF_RANGE: 1,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER: 6,
  REQUEST_TIMED_OUT: 7,
  REPLICA_NOT_AVAILABLE: 9,
  COORDINATOR_LOADING: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  INVALID_TOPIC: 17,
  ILLEGAL_GENERATION: 22,
  UNKNOWN_MEMBER: 25,
  REBALANCE_IN_PROGRESS: 27,
  TOPIC_AUTHORIZATION_FAILED: 29,
  GROUP_AUTHORIZATION_FAILED: 30,
  UNSUPPORTED_VERSION: 35,
  INVALID_PRODUCER_EPOCH: 47,
  INVALID_TXN_STATE: 48,
  INVALID_PRODUCER_ID_MAPPING: 49,
  INVALID_TRANSACTION_TIMEOUT: 50,
  CONCURRENT_TRANSACTIONS: 51,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 53,
  KAFKA_STORAGE: 56,
  FENCED_LEADER_EPOCH: 74,
  UNKNOWN_LEADER_EPOCH: 75,
  OFFSET_NOT_AVAILABLE: 78,
  UNSTABLE_OFFSET_COMMIT: 88,
  PRODUCER_FENCED: 90,
  UNKNOWN_TOPIC_ID: 100,
} as const;

/** `NOT_LEADER_OR_FOLLOWER: For requests intended only for the leader, …` */
export function brokerErrorText(code: number): string {
  const id = protocolErrorsCodesById[code];
  const error = id === undefined ? undefined : protocolErrors[id];
  return error === undefined ? `error ${code}` : `${error.id}: ${error.message}`;
}
