/**
 * SET and annotations → the settings of a query. Owns the keys that plans depend on, their values
 * and defaults; SET holds from its line on, an annotation for the next query, and what the command
 * line sets wins over both. An unknown SET key is a fault, an unknown annotation a warning. Keys of
 * the engine are checked for their shape and let through: what they mean is cli/configuration/configuration's.
 */
import type { Span } from '../base/span.js';
import type { Annotation, SetStatement } from '../sql/ast.js';
import { parseDurationMs } from '../sql/durations.js';
import { placed } from './bind/connector-options.js';
import { didYouMean } from './faults.js';
import type { FaultCollector } from './faults.js';
import type { LatePolicy, QuerySettings, StateTtl } from './pipeline/pipeline-plan.js';

export interface BoundSettings extends QuerySettings {
  readonly emitChanges: 'snapshot' | 'delta';
  readonly flush: boolean;
  readonly late: LatePolicy;
  readonly idleTimeoutMs: number;
  /** A record may fall into so many windows of one operator. */
  readonly windowsPerRecordMax: number;
  /** 'state.ttl', for operators that say nothing else; null: state is kept for good. */
  readonly stateTtl: StateTtl | null;
  /** 'state.ttl.time', for hints too. */
  readonly stateTtlTime: StateTtl['time'];
}

export const WINDOWS_PER_RECORD_MAX = 10_000;

const EMIT_CHANGES = ['snapshot', 'delta'] as const;
const LATE_STRATEGIES = ['drop', 'dead-letter', 'process-with-warning', 'process-all'] as const;
const BOOLEANS = ['true', 'false'];
export const TTL_TIMES = ['processing', 'event'] as const;
const HOUR_MS = 3_600_000;

/** What a setting takes: some words, or a shape, or either. */
interface Takes {
  readonly words: readonly string[];
  readonly shape: 'count' | 'duration' | null;
}
const COUNT: Takes = { words: [], shape: 'count' };
const DURATION: Takes = { words: [], shape: 'duration' };
const words = (...all: readonly string[]): Takes => ({ words: all, shape: null });

/** Keys that plans depend on: for SET only. */
export const PLAN_SETTINGS: Readonly<Record<string, Takes>> = {
  'emit.changes': words(...EMIT_CHANGES),
  'emit.flush': words(...BOOLEANS),
  'late.strategy': words(...LATE_STRATEGIES),
  'allowed.lateness': DURATION,
  'source.idle-timeout': DURATION,
  'state.ttl': DURATION,
  'state.ttl.time': words(...TTL_TIMES),
  'windows.per-record-max': COUNT,
};
/** Keys of the engine, for SET and annotations. Plans let them through to the configuration. */
export const ENGINE_SETTINGS: Readonly<Record<string, Takes>> = {
  processor_architecture: words('v1', 'v2'),
  num_partitions: { words: ['auto'], shape: 'count' },
  workers: { words: ['auto'], shape: 'count' },
  processing_mode: words('individual', 'batch', 'adaptive'),
  batch_size: { words: ['adaptive'], shape: 'count' },
  target_latency: DURATION,
  rebalance: words('off', 'auto'),
  partitioning_strategy: words('auto', 'hash', 'sticky', 'smart', 'round-robin', 'fan-in'),
  partition_buffer_size: COUNT,
  enable_core_affinity: words(...BOOLEANS),
};
const SETTINGS = { ...PLAN_SETTINGS, ...ENGINE_SETTINGS };

/** Flink's names for the same, and its settings that say nothing to velo. */
const FLINK_NAMES: ReadonlyMap<string, string> = new Map([
  ['table.exec.source.idle-timeout', 'source.idle-timeout'],
  ['table.exec.state.ttl', 'state.ttl'],
]);
const FLINK_PREFIXES =
  /^(table|pipeline|execution|parallelism|sql-client|state|restart-strategy|taskmanager|jobmanager)\./;

/** Modes of the job that other engines have; velo's are the words of processing_mode. */
const FOREIGN_MODES = ['simple', 'transactional'];
/** What each annotation takes; null: any text. */
const ANNOTATIONS: Readonly<Record<string, Takes | null>> = {
  ...ENGINE_SETTINGS,
  job_mode: words('individual', 'batch', 'adaptive', ...FOREIGN_MODES),
  name: null,
  description: null,
};

/** velo's name of a SET key: Flink's aliases are its own keys. */
export function settingName(key: string): string {
  return FLINK_NAMES.get(key) ?? key;
}

/** How long windows stay open for late rows when nothing says so. */
export function defaultLatenessMs(strategy: LatePolicy['strategy']): number {
  return strategy.startsWith('process') ? HOUR_MS : 0;
}

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
    const key = settingName(setting.key);
    const takes = Object.hasOwn(SETTINGS, key) ? SETTINGS[key] : undefined;
    if (takes === undefined) {
      if (FLINK_PREFIXES.test(key)) {
        this.warnAt(span, `SET '${key}' says nothing to velo: it is ignored`);
      } else this.reportUnknown(key, span);
      return null;
    }
    if (fits(takes, value)) return key;
    this.report(`"${value}" is no value of '${key}'`, span, valueHint(takes, value));
    return null;
  }

  private warnAt(span: Span | undefined, text: string): void {
    this.warn(span === undefined ? text : placed(this.faults, span, text));
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
    const ttlMs = duration('state.ttl') ?? 0;
    const stateTtlTime = oneOf(TTL_TIMES, value('state.ttl.time')) ?? 'processing';
    const batchSize =
      this.overrides.get('batch_size') ?? known['batch_size'] ?? this.values.get('batch_size');
    return {
      emitChanges: oneOf(EMIT_CHANGES, value('emit.changes')) ?? 'snapshot',
      flush: value('emit.flush') !== 'false',
      late: {
        strategy,
        allowedLatenessMs: duration('allowed.lateness') ?? defaultLatenessMs(strategy),
      },
      idleTimeoutMs: duration('source.idle-timeout') ?? 0,
      stateTtl: ttlMs === 0 ? null : { ms: ttlMs, time: stateTtlTime },
      stateTtlTime,
      windowsPerRecordMax: Number(value('windows.per-record-max') ?? WINDOWS_PER_RECORD_MAX),
      batchSize: batchSize === undefined || batchSize === 'adaptive' ? null : Number(batchSize),
      annotations: known,
    };
  }

  private annotate(known: Record<string, string>, annotation: Annotation): void {
    const { span, value } = annotation;
    const key = annotation.key.toLowerCase();
    const isKnown = Object.hasOwn(ANNOTATIONS, key);
    const takes = key.startsWith('expect.') ? null : isKnown ? ANNOTATIONS[key] : undefined;
    if (takes === undefined) {
      const hint = didYouMean(key, Object.keys(ANNOTATIONS));
      const more = hint === undefined ? '' : `: ${hint}`;
      this.warnAt(span, `annotation "@${annotation.key}" is unknown${more}`);
      return;
    }
    if (takes !== null && !fits(takes, value)) {
      this.report(`"${value}" is no value of @${key}`, span, valueHint(takes, value));
      return;
    }
    if (key === 'job_mode' && FOREIGN_MODES.includes(value.toLowerCase())) {
      this.warnAt(span, `@job_mode: ${value} says nothing to velo: it is ignored`);
      return;
    }
    known[key] = value;
  }
}

function fits({ words: known, shape }: Takes, value: string): boolean {
  if (known.includes(value.toLowerCase())) return true;
  switch (shape) {
    case 'count':
      return /^[1-9]\d{0,8}$/.test(value);
    case 'duration':
      return (parseDurationMs(value) ?? -1) >= 0;
    case null:
      return false;
  }
}

function valueHint({ words: known, shape }: Takes, value: string): string {
  const nearest = didYouMean(value, known);
  if (nearest !== undefined) return nearest;
  const shapes = { count: ['a whole number above 0'], duration: ["'30s', '1m' or '500ms'"] };
  return `write ${[...known, ...(shape === null ? [] : shapes[shape])].join(' or ')}`;
}

function oneOf<T extends string>(values: readonly T[], given: string | undefined): T | undefined {
  return values.find((value) => value === given);
}
