/**
 * A transaction as the producer that writes in it sees it. Owns the contract only: transactions/
 * fulfils it.
 */
import type { ConnectorError } from '../../../base/errors.js';
import type { ProduceVerdict } from './produce-errors.js';

export interface ProduceTransaction {
  /** The transactional id, which every request carries. */
  readonly id: string;
  /**
   * Whether batches of the partition may be sent. Where not, the partition is asked for, and the
   * producer is pumped when it is in.
   */
  admits(topic: string, partition: number): boolean;
  /** What an error code means in a transaction; null: what it means elsewhere. */
  verdict(errorCode: number): ProduceVerdict | null;
  /** What a code says that is of the transaction, not of the batch; null: it is of the batch. */
  failureOf(errorCode: number): ConnectorError | null;
}
