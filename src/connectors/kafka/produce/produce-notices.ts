/**
 * What users are told while a topic is written: that brokers are away, that partitions take no
 * records, that a quota slows the writing down. Owns the lines and that each comes once, not for
 * every answer; what follows from an answer is produce-sender.ts.
 */
import type { BrokerAddress } from '../settings/client-settings.js';
import { AwayLines } from '../cluster/away-lines.js';
import { LONG_THROTTLE_MS } from './produce-leader.js';
import type { KafkaEndpoint } from '../settings/table-options.js';

export class ProduceNotices {
  private readonly topic: string;
  private readonly notice: (line: string) => void;
  private readonly lines: AwayLines;
  /** Partitions that take no records. */
  private readonly starved = new Set<number>();
  private slowed = false;

  constructor(endpoint: KafkaEndpoint, notice: (line: string) => void) {
    this.topic = `topic "${endpoint.topic}"`;
    this.notice = notice;
    this.lines = new AwayLines(endpoint, notice);
  }

  away(): void {
    this.lines.missed();
  }

  alive(): void {
    this.lines.alive();
  }

  takesNothing(partition: number, why: string): void {
    if (this.starved.size === 0) {
      this.notice(`${this.topic} takes no records (partition ${partition}: ${why}), retrying …`);
    }
    this.starved.add(partition);
  }

  takes(partition: number): void {
    if (this.starved.delete(partition) && this.starved.size === 0) {
      this.notice(`${this.topic} takes records again`);
    }
  }

  /** Once, and each time that it takes long. */
  throttled({ host, port }: BrokerAddress, throttleMs: number): void {
    if (this.slowed && throttleMs <= LONG_THROTTLE_MS) return;
    this.slowed = true;
    const seconds = Math.ceil(throttleMs / 100) / 10;
    this.notice(
      `a quota of the broker ${host}:${port} slows writing to ${this.topic} down, by ${seconds} s now`,
    );
  }

  forgotten(partition: number, why: string): void {
    this.notice(
      `partition ${partition} of ${this.topic}: the broker has forgotten this producer (${why}); it goes on in a new epoch`,
    );
  }
}
