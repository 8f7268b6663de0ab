/**
 * What the reader makes of answers that do not hold together, or that hold nothing. Owns the rule
 * that an offset which was not read is passed over on evidence only: the cluster is asked again
 * where the log begins and ends, and whether it may have gaps; who asks for records and when is
 * leader-fetch.ts.
 *
 *   nothing comes although the log goes on   asked again for as long as the broker says so, with a
 *                                            line; a compacted log may have lost its tail
 *   the log ends before a stop it had        an error after three times 'connect.timeout'
 *   a partition is missing in answers,       an error after 'connect.timeout'
 *   or they end before the offset
 *   a batch reaches beyond the log's end     an error, unless the end has moved meanwhile
 *   an offset is refused                     where the table says, or an error
 */
import { ConnectorError } from '../../../base/errors.js';
import type { BlocksRequest } from '../blocks/blocks.js';
import { brokerErrorText } from '../cluster/broker-errors.js';
import type { ClientSettings } from '../settings/client-settings.js';
import { ClusterOffsets } from '../cluster/cluster-offsets.js';
import type { Cluster } from '../cluster/cluster.js';
import type { SilenceKind } from './fetch-silence.js';
import { isPassing } from './leader-fetch.js';
import type { BatchPlace } from './leader-fetch.js';
import { resetPosition } from '../settings/offset-choice.js';
import type { HeldOffsets } from '../settings/offset-choice.js';
import type { PartitionFetch } from './partition-fetch.js';
import { corruptBatch } from '../batch/record-batch.js';

/** After so long the user is told that nothing comes, and then every so often. */
const SILENCE_SAID_MS = 10_000;
const SAID_AGAIN_MS = 60_000;
/** A log that is shorter than it was said to be gets so many times 'connect.timeout'. */
const SHORT_PATIENCE = 3;
/** How long a position may lie beyond the end: a restarted broker catches up. */
const BEYOND_END_MS = 30_000;
/** A partition that was refused rests for so long. */
export const RETRY_MS = 100;

export interface EvidenceParts {
  readonly request: BlocksRequest;
  readonly settings: ClientSettings;
  readonly cluster: Cluster;
  readonly labelOf: (partition: number) => string;
  /** The metadata is to be asked for again. */
  readonly look: () => void;
  /** Partitions may be asked for again. */
  readonly drained: () => void;
  readonly failed: (error: unknown) => void;
  readonly isClosing: () => boolean;
}

export class FetchEvidence {
  private readonly parts: EvidenceParts;
  private readonly offsets: ClusterOffsets;
  private readonly beyondSinceMs = new Map<number, number>();
  /** Whether the topic is compacted; null: not asked, or nobody says. */
  private compacted: boolean | null = null;

  constructor(parts: EvidenceParts) {
    const { cluster, settings, request } = parts;
    this.parts = parts;
    this.offsets = new ClusterOffsets(cluster, settings.isolation, request.options.groupId);
  }

  /** Nothing came of the partition; `end` is where its log is said to end. */
  silent(queue: PartitionFetch, kind: SilenceKind, end: number): void {
    const nowMs = this.monotonicMs();
    const { connectTimeoutMs } = this.parts.request.options;
    if (kind === 'short' && !this.isShort(queue)) {
      queue.silence.ends();
      return;
    }
    const lastsMs = queue.silence.lastsMs(kind, nowMs);
    switch (kind) {
      case 'absent':
        if (lastsMs >= connectTimeoutMs) this.fail(this.absent(queue));
        break;
      case 'behind':
        if (lastsMs >= connectTimeoutMs) this.fail(this.behind(queue, end));
        break;
      case 'short':
        if (lastsMs >= SHORT_PATIENCE * connectTimeoutMs) this.fail(this.short(queue, end));
        break;
      case 'nothing':
        if (queue.silence.isNews(nowMs, SILENCE_SAID_MS, SAID_AGAIN_MS)) {
          void this.examine(queue, (held) => this.lookIntoGap(queue, held, end));
        }
        break;
      case 'held':
        this.held(queue, nowMs);
        break;
      case 'refused':
        break;
    }
  }

  private held(queue: PartitionFetch, nowMs: number): void {
    if (!queue.silence.isNews(nowMs, SILENCE_SAID_MS, SAID_AGAIN_MS)) return;
    const label = this.parts.labelOf(queue.partition);
    this.parts.request.notice(`${label}: a quota of the broker holds reading back, going on …`);
  }

  /** A broker refused the partition for a reason that passes. */
  refused(queue: PartitionFetch, code: number): void {
    const nowMs = this.monotonicMs();
    queue.silence.lastsMs('refused', nowMs);
    if (!queue.silence.isNews(nowMs, SILENCE_SAID_MS, SAID_AGAIN_MS)) return;
    const label = this.parts.labelOf(queue.partition);
    this.parts.request.notice(`${label} cannot be read now (${brokerErrorText(code)}), retrying …`);
  }

  /**
   * A batch reaches beyond the end that its answer names. The broker may have read the end first, and
   * then the records; if the log does not reach so far now, the batch's offsets are wrong.
   */
  beyond(queue: PartitionFetch, { baseOffset, nextOffset }: BatchPlace): void {
    void this.examine(queue, ({ highOffset }) => {
      queue.endKnown = Math.max(queue.endKnown, highOffset);
      if (nextOffset <= highOffset) return;
      const why = `it reaches to offset ${nextOffset - 1}, and the log ends at ${highOffset}`;
      throw corruptBatch(this.parts.labelOf(queue.partition), baseOffset, why);
    });
  }

  /** Looks at an offset that a broker refused; one that is gone would lose records. */
  outOfRange(queue: PartitionFetch): void {
    const { options, notice } = this.parts.request;
    void this.examine(queue, (held) => {
      const { partition, fetchedTo } = queue;
      const beyond = this.tooLongBeyond(partition, fetchedTo > held.highOffset);
      if (fetchedTo < held.lowOffset || beyond) {
        const position = { partition, offset: fetchedTo };
        queue.moveTo(resetPosition(options, position, held, notice));
        this.beyondSinceMs.delete(partition);
      } else {
        // What the broker does not know may be the epoch.
        queue.lastEpoch = -1;
        this.parts.look();
      }
    });
  }

  /** Where the log begins and ends now, for `judge`; the partition is left alone meanwhile. */
  private async examine(
    queue: PartitionFetch,
    judge: (held: HeldOffsets) => void | Promise<void>,
  ): Promise<void> {
    const { look, drained, isClosing } = this.parts;
    queue.inspected = true;
    try {
      const held = (await this.offsets.held([queue.partition])).get(queue.partition);
      if (held !== undefined && !isClosing()) await judge(held);
    } catch (error) {
      if (isPassing(error)) look();
      else this.fail(error);
    } finally {
      queue.inspected = false;
      queue.notBeforeMs = this.monotonicMs() + RETRY_MS;
      drained();
    }
  }

  private async lookIntoGap(queue: PartitionFetch, held: HeldOffsets, end: number): Promise<void> {
    const { notice, options } = this.parts.request;
    const { partition, fetchedTo } = queue;
    // Somebody else may lead, and the log may begin elsewhere.
    this.parts.look();
    if (fetchedTo < held.lowOffset) {
      const position = { partition, offset: fetchedTo };
      queue.moveTo(resetPosition(options, position, held, notice));
      return;
    }
    const upTo = Math.min(end, held.highOffset);
    if (upTo <= fetchedTo) return;
    this.compacted ??= await this.parts.cluster.isCompacted();
    const label = this.parts.labelOf(partition);
    if (this.compacted !== true) {
      notice(
        `${label}: the broker says that the log goes to ${upTo}, and gives nothing from offset ` +
          `${fetchedTo} on for ${SILENCE_SAID_MS / 1000} s and more, asking again …`,
      );
    } else if (queue.stop <= upTo) {
      notice(`${label}: nothing is left of the offsets from ${fetchedTo} to ${upTo}: compacted`);
      queue.moveTo(upTo);
    }
  }

  private tooLongBeyond(partition: number, beyond: boolean): boolean {
    if (!beyond) {
      this.beyondSinceMs.delete(partition);
      return false;
    }
    const nowMs = this.monotonicMs();
    const sinceMs = this.beyondSinceMs.get(partition) ?? nowMs;
    this.beyondSinceMs.set(partition, sinceMs);
    return nowMs - sinceMs > BEYOND_END_MS;
  }

  /** A stop that the broker has named itself lies before the end of the log; others may not. */
  private isShort({ stop }: PartitionFetch): boolean {
    const { kind } = this.parts.request.options.stop;
    return stop < Number.POSITIVE_INFINITY && (kind === 'latest' || kind === 'timestamp');
  }

  private absent({ partition }: PartitionFetch): ConnectorError {
    const { topic, connectTimeoutMs } = this.parts.request.options;
    return this.contradiction(
      `the broker's answers say nothing of topic "${topic}" partition ${partition}, which it is asked for`,
      `for ${connectTimeoutMs / 1000} s ('connect.timeout')`,
    );
  }

  private behind({ partition, fetchedTo }: PartitionFetch, end: number): ConnectorError {
    const label = this.parts.labelOf(partition);
    return corruptBatch(label, fetchedTo, `what the broker gives for it ends before ${end}`);
  }

  private short({ partition, stop, fetchedTo }: PartitionFetch, end: number): ConnectorError {
    const { topic, connectTimeoutMs } = this.parts.request.options;
    const seconds = (SHORT_PATIENCE * connectTimeoutMs) / 1000;
    return this.contradiction(
      `the log of topic "${topic}" partition ${partition} went to ${stop}, and now the broker says that it ends at ${end}`,
      `nothing came from offset ${fetchedTo} on for ${seconds} s (three times 'connect.timeout')`,
    );
  }

  private contradiction(message: string, detail: string): ConnectorError {
    const { brokers } = this.parts.request.options;
    return new ConnectorError('KAFKA_ANSWER', {
      message,
      detail,
      hint: `look into the log of the broker at ${brokers}, and what stands between it and velo`,
    });
  }

  private fail(error: unknown): void {
    this.parts.failed(error);
  }

  private monotonicMs(): number {
    return this.parts.request.clock.monotonicNs() / 1e6;
  }
}
