/**
 * The tables of one job that are written exactly once: what they must have in common, and each must
 * say, to be written in one transaction. Owns these faults, which need no cluster: `velo check` knows
 * them. Writing is job-transactions.ts.
 */
import { ConfigError } from '../../../base/errors.js';
import type { TableDefinition } from '../../../plan/schema.js';
import { produceSettings } from '../produce/produce-settings.js';
import type { ProducePlan } from '../produce/produce-settings.js';
import { clientSettings } from '../settings/client-settings.js';
import { writeOptions } from '../settings/table-options.js';
import type { KafkaWriteOptions, KafkaWriteTarget } from '../settings/table-options.js';

/**
 * Throws ConfigError SETTING_INVALID where the tables cannot be written in one transaction that is
 * open for so long; null: it is not known yet for how long.
 */
export function checkTransaction(
  tables: readonly TableDefinition[],
  intervalMs: number | null,
): void {
  const targets = tables.map(writeOptions);
  const [first] = targets;
  if (first === undefined) return;
  checkTogether(targets);
  if (intervalMs !== null) checkInterval(first, transactionTimeoutMs(targets), intervalMs);
}

/** The shortest time that one of the tables leaves a transaction open. */
export function transactionTimeoutMs(targets: readonly KafkaWriteTarget[]): number {
  return Math.min(
    ...targets.map((target) => exactlyOncePlan(target).settings.transactionTimeoutMs),
  );
}

/** Throws ConfigError SETTING_INVALID where the properties of a table cannot be used so. */
export function exactlyOncePlan(target: KafkaWriteTarget): ProducePlan {
  const plan = produceSettings(target, target);
  const unusable = plan.unusable ?? clientSettings(plan.connection).unusable;
  if (unusable === null && target.produce !== 'librdkafka') return plan;
  throw new ConfigError('SETTING_INVALID', {
    message: `option "sink.delivery-guarantee" of ${target.label} cannot be "exactly-once": ${
      unusable ?? 'librdkafka commits no state with its transactions'
    }`,
    hint: "leave the property or 'produce' away, or use 'at-least-once'",
  });
}

/** One transaction is of one cluster, and numbers the records of a partition once. */
function checkTogether(targets: readonly KafkaWriteOptions[]): void {
  const [first] = targets;
  for (const [at, target] of targets.entries()) {
    if (first !== undefined && serversOf(target) !== serversOf(first)) {
      throw new ConfigError('SETTING_INVALID', {
        message: `${first.label} and ${target.label} are written exactly once and on two clusters: a transaction is of one`,
        hint: "write one of them in a job of its own, or with 'sink.delivery-guarantee' = 'at-least-once'",
      });
    }
    const same = targets.slice(0, at).find(({ topic }) => topic === target.topic);
    if (same === undefined) continue;
    throw new ConfigError('SETTING_INVALID', {
      message: `topic "${target.topic}" is written exactly once by two queries`,
      hint: 'write the UNION ALL of both',
    });
  }
}

function serversOf({ brokers }: KafkaWriteOptions): string {
  return brokers
    .split(',')
    .map((server) => server.trim())
    .sort()
    .join(',');
}

/** A transaction is open for an interval, and as long as keeping the state takes. */
function checkInterval({ label }: KafkaWriteOptions, timeoutMs: number, intervalMs: number): void {
  if (intervalMs < timeoutMs) return;
  throw new ConfigError('SETTING_INVALID', {
    message: `option "properties.transaction.timeout.ms" of ${label} cannot be "${timeoutMs}": a transaction is open from checkpoint to checkpoint, for ${intervalMs} ms`,
    hint: 'give it more than --checkpoint-interval, or keep checkpoints oftener',
  });
}
