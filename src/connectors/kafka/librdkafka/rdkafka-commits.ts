/**
 * Commits of a librdkafka consumer: sent one at a time, each with so much patience for its answer, and
 * the end of the consumer, which depends on them. Owns the counting of answers, and what becomes of a
 * consumer whose coordinator owes one; which offsets are committed is its owner's.
 *
 * librdkafka closes no consumer while an answer is due, and waits for it on a thread that holds up the
 * end of the process: minutes, for a coordinator that is silent. Such a consumer is left behind
 * (base/left-behind.ts): polled until the answer has come or librdkafka has given it up, then closed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { leaveBehind } from '../../../base/left-behind.js';
import { closeConsumer } from './rdkafka-client.js';
import type { RdConsumer, RdError, TopicPartitionOffset } from './rdkafka.js';

const PATIENCE_MS = 10_000;
/** What a stopped job waits for an answer. */
export const HURRIED_MS = 1_000;
const RETRY_PAUSE_MS = 200;

export class RdkafkaCommits {
  private readonly consumer: RdConsumer;
  private patienceMs = PATIENCE_MS;
  /** Answers that are due. They do not say which commit they belong to: the last is of the last. */
  private due = 0;
  private answered: ((error: RdError | null | undefined) => void) | null = null;
  /** Sets the time anew that the commit under way has left. */
  private waitAtMost: ((ms: number) => void) | null = null;

  constructor(consumer: RdConsumer) {
    this.consumer = consumer;
    consumer.on('offset.commit', (error) => {
      this.due = Math.max(0, this.due - 1);
      if (this.due === 0) this.answered?.(error);
    });
  }

  /** A commit is waited for. librdkafka hands its answer out only while the consumer is polled. */
  get waiting(): boolean {
    return this.answered !== null;
  }

  /** An answer is due, waited for or not. */
  get isOwed(): boolean {
    return this.due > 0;
  }

  /** The job is stopped: a coordinator that does not answer is not waited for any longer. */
  hurry(): void {
    this.patienceMs = HURRIED_MS;
    this.waitAtMost?.(HURRIED_MS);
  }

  /** Resolves when the broker agreed; rejects with what it says, or when it says nothing in time. */
  async send(offsets: readonly TopicPartitionOffset[]): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.waitAtMost = (ms) => {
          clearTimeout(timer);
          timer = setTimeout(() => {
            reject(new Error(`no answer for ${ms / 1000} s`));
          }, ms);
        };
        this.waitAtMost(this.patienceMs);
        this.answered = (error) => {
          if (error === null || error === undefined) resolve();
          else reject(error);
        };
        this.consumer.commit(offsets);
        this.due += 1;
      });
    } finally {
      clearTimeout(timer);
      this.answered = null;
      this.waitAtMost = null;
    }
  }

  /** Closes the consumer, which nobody polls any more; its partitions are paused or given back. */
  async close(): Promise<void> {
    if (!this.isOwed) await closeConsumer(this.consumer);
    else leaveBehind(this.untilAnswered().then(() => closeConsumer(this.consumer)));
  }

  private async untilAnswered(): Promise<void> {
    while (this.isOwed) {
      const failed = await new Promise<boolean>((resolve) => {
        this.consumer.consume(1, (error) => {
          resolve(error !== null && error !== undefined);
        });
      });
      if (failed) await delay(RETRY_PAUSE_MS);
    }
  }
}
