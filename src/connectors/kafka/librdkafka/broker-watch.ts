/**
 * Tells the user when the brokers go away and when they are back. librdkafka reconnects by itself
 * and reports every closed connection, most of which mean nothing; so an error only raises a
 * suspicion here, and a look at the metadata decides. The two lines are cluster/away-lines.ts.
 */
import { AwayLines } from '../cluster/away-lines.js';
import { metadata } from './rdkafka-client.js';
import type { KafkaEndpoint } from '../settings/table-options.js';
import type { RdClient } from './rdkafka.js';

const PROBE_TIMEOUT_MS = 1_000;
const PROBE_PAUSE_MS = 300;

export class BrokerWatch {
  private readonly endpoint: KafkaEndpoint;
  private readonly client: RdClient;
  private readonly lines: AwayLines;
  private probing = false;
  private closed = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(endpoint: KafkaEndpoint, client: RdClient, notice: (line: string) => void) {
    this.endpoint = endpoint;
    this.client = client;
    this.lines = new AwayLines(endpoint, notice);
    client.on('event.error', () => {
      this.suspect();
    });
  }

  /** The brokers do not answer. */
  get away(): boolean {
    return this.lines.away;
  }

  /** Something failed that a missing broker would explain. */
  suspect(): void {
    if (this.probing || this.closed) return;
    this.probing = true;
    this.probe();
  }

  /** The brokers answered in some other way: a message came. */
  alive(): void {
    this.lines.alive();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  private probe(): void {
    metadata(this.client, { topic: this.endpoint.topic, timeout: PROBE_TIMEOUT_MS }).then(
      () => {
        this.probing = false;
        if (!this.closed) this.alive();
      },
      () => {
        this.missed();
      },
    );
  }

  private missed(): void {
    if (this.closed) return;
    this.lines.missed();
    this.timer = setTimeout(() => {
      this.probe();
    }, PROBE_PAUSE_MS);
  }
}
