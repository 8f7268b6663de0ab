/**
 * Where settings come from: flags, annotations and SET of the file, VELO_ variables; velo.yaml is
 * configuration-yaml.ts. Each reader gives a layer of checked values, every value with the place
 * that a message or `velo config` names. What wins over what is configuration.ts.
 */
import { ConfigError } from '../../base/errors.js';
import type { SourceText } from '../../base/errors.js';
import { lineColumnAt } from '../../base/span.js';
import type { Span } from '../../base/span.js';
import { ENGINE_SETTINGS, settingName } from '../../plan/query-settings.js';
import type { Annotation, Script } from '../../sql/ast.js';
import { closest } from '../../sql/suggest.js';
import { isSettingKey, parseSetting, SETTING_KEYS } from './configuration-schema.js';
import type { SettingKey, SettingValues } from './configuration-schema.js';
import { FLAG_SETTINGS } from './engine-flags.js';
import type { SettingFlags } from './engine-flags.js';

/** Where a value stands, for messages. */
export interface Place {
  /** `flag --partitions`, `velo.yaml:3`, … as `velo config` prints it. */
  readonly origin: string;
  readonly code: 'FLAG_INVALID' | 'SETTING_INVALID' | 'CONFIG_INVALID';
  readonly source?: SourceText;
  readonly span?: Span;
}

export interface Entry {
  readonly value: SettingValues[SettingKey];
  readonly place: Place;
  /** Another query of the file says something else. */
  readonly contradicted?: Entry;
}

export type Layer = ReadonlyMap<SettingKey, Entry>;

/** A ConfigError at a place. */
export function configError(
  place: Place,
  fields: { readonly message: string; readonly hint?: string | undefined },
): ConfigError {
  const { source, span } = place;
  const detail = source === undefined ? place.origin : undefined;
  return new ConfigError(place.code, { ...fields, source, span, detail });
}

export function entryOf(key: SettingKey, raw: unknown, place: Place): Entry {
  const parsed = parseSetting(key, raw);
  if (parsed.ok) return { value: parsed.value, place };
  const text = typeof raw === 'string' ? raw : JSON.stringify(raw);
  throw configError(place, { message: `bad value "${text}" for "${key}"`, hint: parsed.hint });
}

/** Flags that commander has checked, and --set for the keys that SET takes. */
export function flagLayer(flags: SettingFlags): Layer {
  const layer = new Map<SettingKey, Entry>();
  for (const [key, value] of flags.set ?? []) {
    const setting = setEntry({ key, value }, { origin: `flag --set ${key}`, code: 'FLAG_INVALID' });
    if (setting !== null) layer.set(...setting);
  }
  for (const [name, { flag, key }] of Object.entries(FLAG_SETTINGS)) {
    const value = flags[name as keyof typeof FLAG_SETTINGS];
    if (value === undefined) continue;
    const place: Place = { origin: `flag ${flag}`, code: 'FLAG_INVALID' };
    // Checked by settingFlag when commander read it.
    layer.set(key, { value, place });
  }
  return layer;
}

/** What annotations may say; the rest of the settings is no business of a query. */
const ANNOTATION_KEYS = Object.keys(ENGINE_SETTINGS);

const DURATION_KEYS: readonly SettingKey[] = [
  'allowed_lateness',
  'source_idle_timeout',
  'state_ttl',
  'target_latency',
];

/** A SET pair as a setting; null for what is no setting of velo (the planner has said so). */
function setEntry(
  { key, value }: { readonly key: string; readonly value: string },
  place: Place,
): [SettingKey, Entry] | null {
  const name = settingName(key).replace(/[.-]/g, '_');
  if (!isSettingKey(name)) return null;
  // A duration without a unit is in seconds to SQL.
  const inSeconds = DURATION_KEYS.includes(name) && /^\d+(\.\d+)?$/.test(value);
  return [name, entryOf(name, inSeconds ? `${value}s` : value, place)];
}

/** The setting that a flag's name without its dashes stands for. */
export function settingOfFlag(name: string): SettingKey | undefined {
  const flag = `--${name.replaceAll('_', '-')}`;
  return Object.values(FLAG_SETTINGS).find((known) => known.flag === flag)?.key;
}

/** The VELO_ variable of a setting. */
export function variableOf(key: SettingKey): string {
  return `VELO_${key.replaceAll('.', '_').toUpperCase()}`;
}

/**
 * VELO_ variables. A name that is nearly a setting is refused, unless the SQL text uses it as a
 * variable of its own; any other VELO_ variable is the file's business.
 */
export function environmentLayer(
  environment: Readonly<Record<string, string | undefined>>,
  sqlText: string,
): Layer {
  const layer = new Map<SettingKey, Entry>();
  const known = new Map(SETTING_KEYS.map((key) => [variableOf(key), key]));
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith('VELO_') || text === undefined || text === '') continue;
    const place: Place = { origin: `environment ${name}`, code: 'CONFIG_INVALID' };
    const key = known.get(name);
    if (key !== undefined) {
      layer.set(key, entryOf(key, text, place));
      continue;
    }
    const byFlag = settingOfFlag(name.slice('VELO_'.length).toLowerCase());
    const meant = byFlag === undefined ? closest(name, known.keys()) : variableOf(byFlag);
    if (meant === undefined || sqlText.includes(`\${${name}`)) continue;
    throw configError(place, {
      message: `variable "${name}" is no setting`,
      hint: `did you mean "${meant}"?`,
    });
  }
  return layer;
}

export interface FileLayers {
  readonly annotations: Layer;
  readonly settings: Layer;
}

/**
 * What the file says: annotations and SET of its queries. The first query that says something
 * counts for the job; a later query that says something else is kept as the contradiction.
 */
export function fileLayers(script: Script, source: SourceText): FileLayers {
  const inForce = new Map<SettingKey, Entry>();
  const layers = {
    annotations: new Map<SettingKey, Entry>(),
    settings: new Map<SettingKey, Entry>(),
  };
  for (const statement of script.statements) {
    if (statement.kind === 'set') {
      const entry = setEntry(statement, filePlace('SET', statement.span, source));
      if (entry !== null) inForce.set(...entry);
    } else if (statement.kind === 'create-table') continue;
    // A view writes nothing: it is no query of the job.
    else if (statement.kind !== 'create-as' || statement.options.length > 0) {
      addQuery(layers, inForce, annotationEntries(statement.annotations, source));
    }
  }
  return layers;
}

function addQuery(
  layers: Record<keyof FileLayers, Map<SettingKey, Entry>>,
  inForce: Layer,
  own: Layer,
): void {
  for (const key of new Set([...inForce.keys(), ...own.keys()])) {
    const entry = own.get(key) ?? inForce.get(key);
    const said = layers.annotations.has(key) ? layers.annotations : layers.settings;
    const first = said.get(key);
    if (entry === undefined) continue;
    if (first === undefined) {
      (own.has(key) ? layers.annotations : layers.settings).set(key, entry);
    } else if (JSON.stringify(first.value) !== JSON.stringify(entry.value)) {
      said.set(key, { contradicted: entry, ...first });
    }
  }
}

function annotationEntries(annotations: readonly Annotation[], source: SourceText): Layer {
  const layer = new Map<SettingKey, Entry>();
  for (const { key, value, span } of annotations) {
    const lower = key.toLowerCase();
    const name = lower === 'job_mode' ? 'processing_mode' : lower;
    if (!ANNOTATION_KEYS.some((known) => known === name)) continue;
    // The modes of other engines; the planner has warned of them.
    if (lower === 'job_mode' && !parseSetting('processing_mode', value).ok) continue;
    const known = name as SettingKey;
    layer.set(known, entryOf(known, value, filePlace('annotation', span, source)));
  }
  return layer;
}

function filePlace(what: 'SET' | 'annotation', span: Span, source: SourceText): Place {
  const { line } = lineColumnAt(source.text, span.start);
  return { origin: `${what} ${source.name}:${line}`, code: 'SETTING_INVALID', source, span };
}
