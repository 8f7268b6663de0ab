/**
 * Every setting of velo: its name, what it takes and what a user should have written instead. The
 * same schema reads YAML values and the texts of flags, annotations, SET and the environment.
 * Owns no layers and no defaults (configuration.ts), and nothing that two settings decide together.
 */
import { z } from 'zod';
import { parseDurationMs } from '../../sql/durations.js';
import { TTL_TIMES } from '../../plan/query-settings.js';
import { closest } from '../../sql/suggest.js';
import {
  PARTITIONS_MAX,
  RING_SLOTS_MAX,
  RING_SLOTS_MIN,
  WORKERS_MAX,
} from '../../processors/partitioned/job-settings.js';
import { readWhole } from '../options.js';

/** The whole number that a value or its text is; NaN for anything else. */
const wholeNumber = z
  .union([z.number(), z.string()])
  .transform((value) => (typeof value === 'number' ? value : readWhole(value)))
  .pipe(z.int());

const decimalNumber = z
  .union([z.number(), z.string().regex(/^\d+(\.\d+)?$/)])
  .transform(Number)
  .pipe(z.number());

/** A duration with its unit, in milliseconds: a bare number would be seconds to some. */
const durationMs = z
  .string()
  .regex(/[a-z]/i)
  .transform((text) => parseDurationMs(text) ?? Number.NaN)
  .pipe(z.number().min(0));

const positiveDurationMs = durationMs.pipe(z.number().gt(0));

const yesOrNo = z.union([
  z.boolean(),
  z
    .string()
    .toLowerCase()
    .pipe(z.enum(['true', 'false']))
    .transform((text) => text === 'true'),
]);

/** A size with its unit, in bytes: 512m, 2g, 1.5 GiB; units are powers of 1,024. */
const byteSize = z
  .string()
  .transform((text) => {
    const [, digits = '', unit = ''] =
      /^(\d+(?:\.\d+)?) ?([kmgt])(?:i?b)?$/i.exec(text.trim()) ?? [];
    if (digits === '') return Number.NaN;
    return Math.floor(Number(digits) * 1024 ** (1 + 'kmgt'.indexOf(unit.toLowerCase())));
  })
  .pipe(z.number().min(2 ** 20));

function wholeBetween(least: number, most: number) {
  return wholeNumber
    .pipe(z.int().min(least).max(most))
    .describe(`a whole number from ${least} to ${most}`);
}

function countOrAuto(most: number) {
  return z
    .union([z.literal('auto'), wholeBetween(1, most)])
    .meta({ description: `auto or a whole number from 1 to ${most}`, words: ['auto'] });
}

/** One of several words; a near miss is named in the hint. */
function oneOf<const T extends readonly string[]>(words: T) {
  return z
    .string()
    .toLowerCase()
    .pipe(z.enum(words))
    .meta({ description: `one of ${words.join(', ')}`, words });
}

/** How the mode is asked for; the rows of a batch may come from batch_size instead. */
export type ProcessingModeSetting =
  | { readonly kind: 'individual' }
  | { readonly kind: 'batch'; readonly rows: number | null }
  | { readonly kind: 'adaptive' };

const MODES = ['individual', 'batch', 'adaptive'] as const;

const processingMode = z
  .union([
    oneOf(MODES).transform((kind): ProcessingModeSetting =>
      kind === 'batch' ? { kind, rows: null } : { kind },
    ),
    z
      .strictObject({ batch: z.strictObject({ size: wholeBetween(1, Number.MAX_SAFE_INTEGER) }) })
      .transform(({ batch }): ProcessingModeSetting => ({ kind: 'batch', rows: batch.size })),
  ])
  .meta({ description: 'individual, batch, adaptive or {batch: {size: 2000}}', words: MODES });

const DURATION_TEXT = 'a duration with its unit, like 100ms or 1s';
const DURATION_ABOVE_TEXT = 'a duration above 0 with its unit, like 100ms or 1s';
const YES_OR_NO_TEXT = 'true or false';

/** A dot is a level of YAML: backpressure.enabled is `backpressure: {enabled: …}`. */
const SETTINGS = {
  processor_architecture: oneOf(['v1', 'v2']),
  num_partitions: countOrAuto(PARTITIONS_MAX),
  workers: countOrAuto(WORKERS_MAX),
  processing_mode: processingMode,
  batch_size: z
    .union([z.literal('adaptive'), wholeBetween(1, Number.MAX_SAFE_INTEGER)])
    .meta({ description: 'a whole number above 0, or adaptive', words: ['adaptive'] }),
  target_latency: positiveDurationMs.describe(DURATION_ABOVE_TEXT),
  partitioning_strategy: oneOf(['auto', 'hash', 'sticky', 'smart', 'round-robin', 'fan-in']),
  rebalance: oneOf(['off', 'auto']),
  partition_buffer_size: wholeBetween(RING_SLOTS_MIN, RING_SLOTS_MAX),
  max_memory: byteSize.nullable().describe('a size with its unit, like 512m or 2g'),
  enable_core_affinity: yesOrNo.describe(YES_OR_NO_TEXT),
  'backpressure.enabled': yesOrNo.describe(YES_OR_NO_TEXT),
  'backpressure.queue_threshold': decimalNumber
    .pipe(z.number().gt(0).lt(1))
    .describe('a number between 0 and 1, like 0.7'),
  'backpressure.latency_threshold': positiveDurationMs.describe(DURATION_ABOVE_TEXT),
  'throttle.min_delay': durationMs.describe(DURATION_TEXT),
  'throttle.max_delay': durationMs.describe(DURATION_TEXT),
  'throttle.backoff_multiplier': decimalNumber
    .pipe(z.number().min(1).max(1000))
    .describe('a number from 1 to 1000'),
  metrics_port: z
    .union([
      z
        .literal('off')
        .or(z.literal(false))
        .transform(() => null),
      wholeBetween(0, 65_535),
    ])
    .meta({ description: 'a port from 0 (any free one) to 65535, or off', words: ['off'] }),
  'state.max_rows': wholeNumber
    .pipe(z.int().min(1))
    .nullable()
    .describe('a whole number above 0, like 5m'),
  'state.max_bytes': byteSize.nullable().describe('a size with its unit, like 512m or 2g'),
  'state.memory': byteSize.nullable().describe('a size with its unit, like 512m or 2g'),
  'state.memory_dir': z.string().min(1).nullable().describe('a folder'),
  'checkpoint.dir': z.string().min(1).nullable().describe('a folder'),
  'checkpoint.interval': positiveDurationMs.describe(DURATION_ABOVE_TEXT),
  'checkpoint.keep': wholeBetween(1, 1000),
  'restart.attempts': wholeBetween(0, 1000),
  'restart.delay': positiveDurationMs.describe(DURATION_ABOVE_TEXT),
  on_error: oneOf(['fail', 'skip', 'dead-letter']),
  dead_letter: z.string().min(1).nullable().describe('a file or kafka://host:port/topic'),
  format: oneOf(['auto', 'table', 'jsonl', 'csv', 'markdown']),
  emit_changes: oneOf(['snapshot', 'delta']),
  emit_flush: yesOrNo.describe(YES_OR_NO_TEXT),
  late_strategy: oneOf(['drop', 'dead-letter', 'process-with-warning', 'process-all']),
  allowed_lateness: durationMs.describe(DURATION_TEXT),
  source_idle_timeout: durationMs.describe(DURATION_TEXT),
  state_ttl: durationMs.describe(DURATION_TEXT),
  state_ttl_time: oneOf(TTL_TIMES),
  windows_per_record_max: wholeBetween(1, 999_999_999),
} as const satisfies Readonly<Record<string, z.ZodType>>;

export type SettingKey = keyof typeof SETTINGS;
export type SettingValues = { readonly [K in SettingKey]: z.output<(typeof SETTINGS)[K]> };

export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

export function isSettingKey(key: string): key is SettingKey {
  return Object.hasOwn(SETTINGS, key);
}

export type ParsedSetting<K extends SettingKey> =
  | { readonly ok: true; readonly value: SettingValues[K] }
  | { readonly ok: false; readonly hint: string };

/** Reads a YAML value, or a text from anywhere else, as one setting. */
export function parseSetting<K extends SettingKey>(key: K, raw: unknown): ParsedSetting<K> {
  const parsed = SETTINGS[key].safeParse(raw);
  // The schema of a key gives the values of that key; TypeScript loses the pairing at the index.
  if (parsed.success) return { ok: true, value: parsed.data as SettingValues[K] };
  return { ok: false, hint: valueHint(key, raw) };
}

/** The words that a setting takes, with or without other values. */
export function settingWords(key: SettingKey): readonly string[] {
  const schema: z.ZodType = SETTINGS[key];
  const words = schema.meta()?.['words'];
  return Array.isArray(words) ? (words as readonly string[]) : [];
}

/** What to write instead of a bad value: the nearest word, or all that the setting takes. */
function valueHint(key: SettingKey, raw: unknown): string {
  const schema: z.ZodType = SETTINGS[key];
  const nearest = typeof raw === 'string' ? closest(raw, settingWords(key)) : undefined;
  if (nearest !== undefined) return `did you mean "${nearest}"?`;
  return `give ${schema.description ?? 'another value'}`;
}

/** The keys of one level of YAML below `path` ('' is the document): names without their level. */
export function keysBelow(path: string): readonly string[] {
  const prefix = path === '' ? '' : `${path}.`;
  const below = SETTING_KEYS.filter((key) => key.startsWith(prefix));
  return [...new Set(below.map((key) => key.slice(prefix.length).split('.')[0] ?? key))];
}
