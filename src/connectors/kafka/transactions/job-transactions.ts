/**
 * All that one job writes exactly once to one cluster: two transactional ids that take turns, so
 * that rows are written while those before them are committed, and the mark that is committed with
 * them. Owns whose turn it is, the mark's text and place, and the end; one transaction is
 * transaction-slot.ts, what a mark is for connectors/sink-commits.ts.
 *
 *   id a   rows of 1 │ mark 1, commit      │ rows of 3 │ …
 *   id b             │ rows of 2           │ mark 2, commit
 *
 * The mark is an offset of a group, on partition 0 of the job's first topic: it becomes visible with
 * the transaction that holds it or not at all, and every cluster has a place for it. All sinks of a
 * job write in the same transaction: no crash can come between two of them.
 */
import { z } from 'zod';
import { systemClock } from '../../../base/clock.js';
import { ConnectorError } from '../../../base/errors.js';
import type { TableDefinition } from '../../../plan/schema.js';
import type { CommittingJob, SinkCommits, SinkMark } from '../../sink-commits.js';
import { Cluster } from '../cluster/cluster.js';
import { kafkaError } from '../cluster/cluster-errors.js';
import { clientSettings } from '../settings/client-settings.js';
import { writeOptions } from '../settings/table-options.js';
import type { KafkaWriteOptions } from '../settings/table-options.js';
import { checkTransaction, exactlyOncePlan, transactionTimeoutMs } from './transaction-tables.js';
import { TransactionRequests } from './transaction-requests.js';
import { TransactionSlot } from './transaction-slot.js';

/** How long a job that is over waits for a commit that is under way, and for taking back the rest. */
const CLOSE_MS = 2_000;
const HURRIED_MS = 10_000;

const markSchema = z.strictObject({
  velo: z.literal(1),
  epoch: z.union([z.int().nonnegative(), z.null()]),
  sum: z.string(),
});

interface Parts {
  readonly cluster: Cluster;
  readonly slots: readonly TransactionSlot[];
  readonly place: { readonly groupId: string; readonly topic: string };
  readonly label: string;
  readonly mark: SinkMark | null;
  readonly patience: Patience;
}

/** How long a request of a transaction is asked again. */
interface Patience {
  ms: number;
}

export class JobTransactions implements SinkCommits {
  readonly mark: SinkMark | null;
  readonly label: string;
  readonly slots: readonly TransactionSlot[];
  /** Index of the slot that takes rows. */
  current = 0;
  private readonly parts: Parts;
  private publishing: Promise<void> = Promise.resolve();
  private failure: ConnectorError | null = null;

  /**
   * For the tables of one job that ask for it. Throws ConfigError for tables that cannot be written
   * in one transaction, else as opening a sink does.
   */
  static async open(
    tables: readonly TableDefinition[],
    job: CommittingJob,
  ): Promise<JobTransactions> {
    checkTransaction(tables, job.intervalMs);
    const targets = tables.map(writeOptions);
    const [first] = targets;
    if (first === undefined) throw new Error('there is a table');
    const { settings, connection } = exactlyOncePlan(first);
    const timeoutMs = transactionTimeoutMs(targets);
    const given = targets.flatMap(({ exactlyOnce }) => exactlyOnce?.idPrefix ?? [])[0];
    const prefix = given ?? `velo-${plainName(job.name)}-${first.topic}-`;
    const groupId = `velo-${given ?? `${plainName(job.name)}-${first.topic}`}`;
    const cluster = await Cluster.connect(
      connection,
      clientSettings(connection),
      job.notice,
      systemClock,
      { mayCreateTopic: true },
    );
    try {
      const requests = new TransactionRequests(cluster.link, timeoutMs);
      // Who wrote before is shut out first: only then nothing can change the mark any more.
      const ids = ['a', 'b'].map((turn) => `${prefix}${turn}`);
      const identities = await Promise.all(ids.map((id) => requests.init(id)));
      const text = await cluster.committedText(groupId, 0);
      const mark = text === null ? null : markOf(text, first, groupId);
      cluster.opened();
      const patience = { ms: settings.deliveryTimeoutMs };
      let failed: (error: unknown) => void = () => undefined;
      const slots = identities.map(
        (identity) =>
          new TransactionSlot({
            requests,
            identity,
            patienceMs: () => patience.ms,
            failed: (error) => failed(error),
          }),
      );
      const label = targets.map(({ topic }) => `topic "${topic}"`).join(', ');
      const place = { groupId, topic: first.topic };
      const made = new JobTransactions({ cluster, slots, place, label, mark, patience });
      failed = (error) => void made.fail(error);
      return made;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  private constructor(parts: Parts) {
    this.parts = parts;
    this.mark = parts.mark;
    this.label = parts.label;
    this.slots = parts.slots;
  }

  seal(): (mark: SinkMark) => Promise<void> {
    const slot = this.slot();
    slot.seal();
    this.current = (this.current + 1) % this.slots.length;
    return (mark) => this.publish(slot, mark);
  }

  begin(mark: SinkMark): Promise<void> {
    return this.seal()(mark);
  }

  /** The job is stopped. */
  hurry(): void {
    const { patience } = this.parts;
    patience.ms = Math.min(patience.ms, HURRIED_MS);
  }

  async close(): Promise<void> {
    const { patience, cluster } = this.parts;
    patience.ms = Math.min(patience.ms, CLOSE_MS);
    await this.publishing.catch(() => undefined);
    const patienceMs = (): number => CLOSE_MS;
    // What does not come through ends with the next start, or by its time.
    await Promise.allSettled(this.slots.map((slot) => slot.abort(patienceMs)));
    await cluster.close();
  }

  private slot(): TransactionSlot {
    // Checked boundary: there are two.
    return this.slots[this.current] as TransactionSlot;
  }

  private publish(slot: TransactionSlot, mark: SinkMark): Promise<void> {
    const before = this.publishing;
    const publishing = before.then(async () => {
      if (this.failure !== null) throw this.failure;
      const text = JSON.stringify({ velo: 1, epoch: mark.epoch, sum: mark.sum });
      try {
        await slot.publish({ ...this.parts.place, offset: mark.epoch ?? 0, text });
      } catch (error) {
        throw this.fail(error);
      }
    });
    this.publishing = publishing;
    // Who is told of it is the caller of this one; the next one fails by itself.
    publishing.catch(() => undefined);
    return publishing;
  }

  /** Nothing more can be published: whoever writes hears of it. */
  private fail(error: unknown): ConnectorError {
    const { endpoint } = this.parts.cluster.link;
    this.failure ??=
      error instanceof ConnectorError ? error : kafkaError(endpoint, 'committing', error);
    for (const { writers } of this.slots) {
      for (const writer of writers) writer.giveUp(this.failure);
    }
    return this.failure;
  }
}

function markOf(text: string, { label }: KafkaWriteOptions, groupId: string): SinkMark {
  try {
    const { epoch, sum } = markSchema.parse(JSON.parse(text));
    return { epoch, sum };
  } catch (cause) {
    throw new ConnectorError('KAFKA_ANSWER', {
      message: `group "${groupId}" of ${label} holds an offset that is none of a velo job`,
      detail: `what was committed with it is "${text}"`,
      hint: "give the job a 'sink.transactional-id-prefix' of its own",
      cause,
    });
  }
}

function plainName(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]+/g, '-');
}
