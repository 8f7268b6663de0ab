/**
 * SET and annotations → the settings of a query. Owns the keys that plans depend on, their values
 * and defaults; SET holds from its line on, an annotation for the next query, and what the command
 * line sets wins over both. An unknown SET key is a fault, an unknown annotation a warning.
 */
import type { Span } from '../base/span.js';
import type { Annotation, SetStatement } from '../sql/ast.js';
import { parseDurationMs } from '../sql/durations.js';
import { didYouMean } from './faults.js';
import type { FaultCollector } from './faults.js';
import type { LatePolicy, QuerySettings } from './pipeline-plan.js';

export interface BoundSettings extends QuerySettings {
  readonly emitChanges: 'snapshot' | 'delta';
  readonly flush: boolean;
  readonly late: LatePolicy;
  readonly idleTimeoutMs: number;
}

const EMIT_CHANGES = ['snapshot', 'delta'] as const;
const LATE_STRATEGIES = ['drop', 'dead-letter', 'process-with-warning', 'process-all'] as const;
const BOOLEANS = ['true', 'false'] as const;
const DURATION = 'duration';

/** What each SET key takes. */
const SETTINGS: Readonly<Record<string, readonly string[] | typeof DURATION>> = {
  'emit.changes': EMIT_CHANGES,
  'emit.flush': BOOLEANS,
  'late.strategy': LATE_STRATEGIES,
  'allowed.lateness': DURATION,
  'source.idle-timeout': DURATION,
};
/** Flink's names for the same, and its settings that say nothing to velo. */
const FLINK_NAMES: Readonly<Record<string, string>> = {
  'table.exec.source.idle-timeout': 'source.idle-timeout',
};
const FLINK_PREFIXES =
  /^(table|pipeline|execution|parallelism|sql-client|state|restart-strategy|taskmanager|jobmanager)\./;

const PARTITIONING = ['hash', 'sticky', 'smart', 'round-robin', 'fan-in'];
const HOUR_MS = 3_600_000;

/** What each annotation takes; null: any text. */
const ANNOTATIONS: Readonly<Record<string, readonly string[] | 'count' | null>> = {
  job_mode: null,
  batch_size: 'count',
  num_partitions: 'count',
  partitioning_strategy: PARTITIONING,
  processor_architecture: ['v1', 'v2'],
  name: null,
  description: null,
};

export class SettingsBinder {
  private readonly faults: FaultCollector;
  private readonly warn: (line: string) => void;
  private readonly values = new Map<string, string>();
  private readonly overrides = new Map<string, string>();

  /** `overrides` come from the command line, `defaults` from the configuration. */
  constructor(
    faults: FaultCollector,
    given: {
      readonly overrides: Readonly<Record<string, string>>;
      readonly defaults: Readonly<Record<string, string>>;
      readonly warn: (line: string) => void;
    },
  ) {
    this.faults = faults;
    this.warn = given.warn;
    this.take(this.values, given.defaults);
    this.take(this.overrides, given.overrides);
  }

  private take(target: Map<string, string>, values: Readonly<Record<string, string>>): void {
    for (const [key, value] of Object.entries(values)) {
      const known = this.checked({ key, value, span: undefined });
      if (known !== null) target.set(known, value.toLowerCase());
    }
  }

  set(statement: SetStatement): void {
    const known = this.checked(statement);
    if (known !== null) this.values.set(known, statement.value.toLowerCase());
  }

  /** The key as velo knows it; null when it is a fault or Flink's business. */
  private checked(setting: {
    readonly key: string;
    readonly value: string;
    readonly span: Span | undefined;
  }): string | null {
    const { span, value } = setting;
    const key = FLINK_NAMES[setting.key] ?? setting.key;
    const takes = SETTINGS[key];
    if (takes === undefined) {
      if (FLINK_PREFIXES.test(key)) this.warn(`SET '${key}' says nothing to velo: it is ignored`);
      else this.reportUnknown(key, span);
      return null;
    }
    if (takes === DURATION) {
      if ((parseDurationMs(value) ?? -1) >= 0) return key;
      this.report(`"${value}" is no duration for '${key}'`, span, "write '30s', '1m' or '500ms'");
      return null;
    }
    if (takes.includes(value.toLowerCase())) return key;
    const hint = didYouMean(value, takes) ?? `write ${takes.join(' or ')}`;
    this.report(`"${value}" is no value of '${key}'`, span, hint);
    return null;
  }

  private reportUnknown(key: string, span: Span | undefined): void {
    const known = Object.keys(SETTINGS);
    const hint = didYouMean(key, known) ?? `settings are ${known.join(', ')}`;
    this.report(`setting "${key}" does not exist`, span, hint);
  }

  private report(message: string, span: Span | undefined, hint: string | undefined): void {
    this.faults.report('SETTING_INVALID', { message, span, hint });
  }

  /** The settings of a query that stands here. */
  forQuery(annotations: readonly Annotation[]): BoundSettings {
    const known: Record<string, string> = {};
    for (const annotation of annotations) this.annotate(known, annotation);
    const value = (key: string): string | undefined =>
      this.overrides.get(key) ?? this.values.get(key);
    const duration = (key: string): number | undefined => {
      const text = value(key);
      return text === undefined ? undefined : parseDurationMs(text);
    };
    const strategy = oneOf(LATE_STRATEGIES, value('late.strategy')) ?? 'drop';
    const heldMs = strategy.startsWith('process') ? HOUR_MS : 0;
    const batchSize = known['batch_size'];
    return {
      emitChanges: oneOf(EMIT_CHANGES, value('emit.changes')) ?? 'snapshot',
      flush: value('emit.flush') !== 'false',
      late: { strategy, allowedLatenessMs: duration('allowed.lateness') ?? heldMs },
      idleTimeoutMs: duration('source.idle-timeout') ?? 0,
      batchSize: batchSize === undefined ? null : Number(batchSize),
      annotations: known,
    };
  }

  private annotate(known: Record<string, string>, annotation: Annotation): void {
    const { span, value } = annotation;
    const key = annotation.key.toLowerCase();
    const takes = key.startsWith('expect.') ? null : ANNOTATIONS[key];
    if (takes === undefined) {
      const hint = didYouMean(key, Object.keys(ANNOTATIONS));
      this.warn(
        `annotation "@${annotation.key}" is unknown${hint === undefined ? '' : `: ${hint}`}`,
      );
      return;
    }
    if (takes === 'count' && !/^[1-9]\d{0,8}$/.test(value)) {
      this.report(
        `@${key} takes a whole number above 0, not "${value}"`,
        span,
        `write @${key}: 1000`,
      );
      return;
    }
    if (Array.isArray(takes) && !takes.includes(value.toLowerCase())) {
      const hint = didYouMean(value, takes) ?? `write ${takes.join(', ')}`;
      this.report(`"${value}" is no value of @${key}`, span, hint);
      return;
    }
    known[key] = value;
  }
}

function oneOf<T extends string>(values: readonly T[], given: string | undefined): T | undefined {
  return values.find((value) => value === given);
}
