/**
 * What users are told when brokers go away and when they are back: two lines, each once. Owns them
 * alone; who answers is known to whoever reads or writes.
 */
import type { KafkaEndpoint } from '../settings/table-options.js';

/** The lines that say that the brokers went away, and that they are back, each once. */
export class AwayLines {
  /** The brokers do not answer. */
  away = false;
  private readonly endpoint: KafkaEndpoint;
  private readonly notice: (line: string) => void;

  constructor(endpoint: KafkaEndpoint, notice: (line: string) => void) {
    this.endpoint = endpoint;
    this.notice = notice;
  }

  missed(): void {
    if (this.away) return;
    this.away = true;
    this.notice(`broker ${this.endpoint.brokers} went away, retrying …`);
  }

  alive(): void {
    if (!this.away) return;
    this.away = false;
    this.notice(`broker ${this.endpoint.brokers} is back`);
  }
}
