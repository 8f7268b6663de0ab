/**
 * Random options and settings, some of them wrong: WITH options of every connector, SET, annotations,
 * flags, VELO_ variables and velo.yaml. A wrong one is a fault at its place, next to whatever others
 * there are; what is right counts, or is said to have no effect; nothing else is ever thrown. A run
 * is one table, or one configuration of all layers.
 */
import { ConfigError, SqlFaults, VeloError } from '../../src/base/errors.js';
import type { SqlError } from '../../src/base/errors.js';
import { resolveConfiguration } from '../../src/cli/configuration/configuration.js';
import {
  environmentLayer,
  fileLayers,
  flagLayer,
  variableOf,
} from '../../src/cli/configuration/configuration-layers.js';
import { parseSetting, SETTING_KEYS } from '../../src/cli/configuration/configuration-schema.js';
import type { SettingKey } from '../../src/cli/configuration/configuration-schema.js';
import { yamlLayer } from '../../src/cli/configuration/configuration-yaml.js';
import { FLAG_SETTINGS, settingFlag } from '../../src/cli/configuration/engine-flags.js';
import type { SettingFlags } from '../../src/cli/configuration/engine-flags.js';
import { CONNECTOR_FACTS, findConnector } from '../../src/connectors/registry.js';
import { compileJob } from '../../src/job.js';
import { ENGINE_SETTINGS, PLAN_SETTINGS } from '../../src/plan/query-settings.js';
import { parseScript } from '../../src/sql/parser.js';
import { fuzz } from './fuzz.js';
import type { FuzzInput, Random } from './fuzz.js';

const CPU_MS_MAX = 3_000;
const INTERNAL = /RangeError|TypeError|Maximum call stack|is not a function|\[object|Cannot read/;

/** Values of any kind: words of options, numbers at their edges, and what nobody should write. */
const VALUES: readonly string[] = [
  ...['true', 'false', 'TRUE', 'yes', '0', '1', '-1', '7', '1000', '4096', '65536', '1e3', '0x10'],
  ...['9007199254740993', '99999999999999999999', '0.5', '.5', '1.', 'NaN', 'Infinity', '-0', ''],
  ...[
    '10s',
    '500ms',
    '1h',
    '1.5m',
    '0ms',
    '-5s',
    '99999999d',
    '3 moons',
    '10',
    '1us',
    '512m',
    '2g',
  ],
  ...['json', 'csv', 'raw', 'avro', 'protobuf', 'jsonl', 'table', 'markdown', 'avro-confluent'],
  ...['earliest-offset', 'latest-offset', 'group-offsets', 'timestamp', 'auto', 'off', 'adaptive'],
  ...['v1', 'v2', 'individual', 'batch', 'hash', 'round-robin', 'drop', 'process-all', 'delta'],
  ...['dead-letter', 'skip', 'fail', 'columnar', 'librdkafka', 'SASL_SSL', 'PLAIN', 'random'],
  ...['a', 'b', 'a,b', 'a;b', 'x.jsonl', '/no/such/file', 'kafka://b:1/t', 'http://u:p@h/x', '#{'],
  ...["it''s", '${A}', '${A:-b}', '__proto__', 'constructor', '\u202e', '\ufeff', '\u{1f600}', ' '],
  ...[
    'x'.repeat(3_000),
    '{"type": "record"',
    'message M {',
    '{',
    '[]',
    'null',
    '#{Name.name}',
    ':',
  ],
];
const NAMES_OF_OBJECTS = ['__proto__', 'constructor', 'toString', 'then', '', ' ', 'a b', "a''b"];
/** Means nothing to any option that is not free. */
const MEANINGLESS = '?;?';
/** Any text is a value of these: names of places, and lists of servers. */
const FREE = [
  ...['csv.null-literal', 'null', 'csv.missing-values', 'missing'],
  ...['path', 'topic', 'connector', 'properties.bootstrap.servers', 'properties.group.id'],
  ...['properties.sasl.jaas.config', 'sink.transactional-id-prefix'],
];
/** Enough for a table of the connector to have no fault. */
const NEEDED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  kafka: { topic: 'x', 'properties.bootstrap.servers': 'b:1' },
  file: { path: 'x.jsonl' },
  faker: { 'fields.a.expression': '1' },
};

interface WrittenOption {
  readonly key: string;
  readonly value: string;
  /** What is certainly wrong with it: its fault must be there. */
  readonly wrong: 'name' | 'value' | null;
}

function knownOptions(connector: string): readonly string[] {
  const { types, more, short } = findConnector(connector)?.options ?? {};
  const csv = { format: 'csv' };
  const names = { ...types?.shape, ...more?.(csv), ...short?.(csv) };
  return Object.keys(names);
}

/** A name with one character more, less or changed. */
function misspelled(name: string, random: Random): string {
  const at = random.below(name.length);
  const letter = String.fromCharCode(97 + random.below(26));
  const kind = random.below(3);
  if (kind === 0) return name.slice(0, at) + name.slice(at + 1);
  return name.slice(0, at) + letter + name.slice(kind === 1 ? at : at + 1);
}

/** Names of these beginnings are made of others' values, or a client's own to read. */
const MADE = /^(properties|fields|format|value|key|json|csv|avro|protobuf)\./;

function anOption(connector: string, random: Random): WrittenOption {
  const known = knownOptions(connector);
  const value = random.pick(VALUES);
  const kind = random.below(10);
  if (kind === 9) return { key: 'format', value: 'csv', wrong: null };
  if (known.length === 0 || kind === 0) {
    const key = random.pick(NAMES_OF_OBJECTS);
    return { key, value, wrong: 'name' };
  }
  const name = random.pick(known);
  if (kind < 3) {
    const key = misspelled(name, random);
    const isWrong = !known.includes(key) && !MADE.test(key) && key !== 'connector';
    return { key, value, wrong: isWrong ? 'name' : null };
  }
  if (kind < 5 && !FREE.includes(name)) return { key: name, value: MEANINGLESS, wrong: 'value' };
  return { key: name, value, wrong: null };
}

async function faultsOf(text: string): Promise<readonly SqlError[]> {
  try {
    await compileJob({
      source: { name: 'fuzz.sql', text },
      variables: () => undefined,
      settings: {},
      changelog: false,
      redirects: new Map(),
      limit: null,
      resolve: false,
      needsQuery: true,
    });
    return [];
  } catch (error) {
    if (error instanceof SqlFaults) return error.faults;
    // What the plan is refused for behind its faults: two sinks of one file, for example.
    if (error instanceof VeloError && error.domain !== 'internal') return [];
    throw error;
  }
}

function judgeFault(fault: VeloError, text: string): void {
  const said = `${fault.message} ${fault.detail ?? ''} ${fault.hint ?? ''}`;
  if (fault.domain === 'internal' || INTERNAL.test(said)) throw fault;
  const { span } = fault;
  if (span === undefined) return;
  const isInside = span.start >= 0 && span.start <= span.end && span.end <= text.length;
  if (!isInside) throw new Error(`${fault.message}: at ${span.start} to ${span.end}`);
}

async function tableOptions(input: FuzzInput): Promise<void> {
  const { random } = input;
  const connector = random.pick(CONNECTOR_FACTS.names);
  const options = new Map<string, WrittenOption>();
  for (let left = 1 + random.below(6); left > 0; left -= 1) {
    const option = anOption(connector, random);
    options.set(option.key, option);
  }
  for (const [key, value] of Object.entries(NEEDED[connector] ?? {})) {
    if (!options.has(key)) options.set(key, { key, value, wrong: null });
  }
  options.delete('connector');
  const list = [...options.values()].map(({ key, value }) => `'${key}' = '${value}'`);
  const columns = connector === 'generator' ? 'a AS i' : 'a BIGINT, b STRING';
  const isSink = CONNECTOR_FACTS.find(connector)?.reads !== true;
  const use = isSink ? 'INSERT INTO o SELECT 1, 2' : 'SELECT * FROM o';
  const text = `CREATE TABLE o (${columns}) WITH (${[`'connector' = '${connector}'`, ...list].join(', ')});\n${use}`;
  input.shows(text);
  const faults = await faultsOf(text);
  const marked = faults.map((fault) => {
    judgeFault(fault, text);
    return fault.span === undefined ? '' : text.slice(fault.span.start, fault.span.end);
  });
  for (const { key, value, wrong } of options.values()) {
    if (wrong === null) continue;
    // An option of a format that the table has not is wrong by its name, whatever its value.
    const isOfFormat = !Object.hasOwn(findConnector(connector)?.options.types.shape ?? {}, key);
    const places = wrong === 'name' ? [`'${key}'`] : [`'${value}'`];
    if (isOfFormat) places.push(`'${key}'`);
    const isSaid = marked.some((each) => places.includes(each) || each === `'${key}' = '${value}'`);
    if (!isSaid) throw new Error(`no fault at ${places.join(' or ')}: ${marked.join(' ')}`);
  }
  input.counts(faults[0]?.code ?? 'no fault');
}

/** A setting that some layer gives. */
interface Said {
  readonly key: SettingKey;
  readonly text: string;
  readonly isRight: boolean;
}

/** A key that is as good as any text; what its value is, decides. */
function said(keys: readonly SettingKey[], random: Random): Said {
  const key = random.pick(keys);
  // Of one that is drawn at random most would be wrong, and the first wrong one is the answer.
  const tries = Array.from({ length: 30 }, () => random.pick(VALUES));
  const right = tries.find((text) => parseSetting(key, text).ok && text !== '');
  const text = random.chance(92) ? (right ?? 'true') : random.pick(VALUES);
  return { key, text, isRight: parseSetting(key, text).ok };
}

/** Settings whose value is no other's business: where they stand in front, they count. */
const ALONE: readonly SettingKey[] = [
  ...(['partition_buffer_size', 'enable_core_affinity', 'backpressure.enabled'] as const),
  ...(['backpressure.queue_threshold', 'metrics_port', 'on_error', 'format'] as const),
  ...(['emit_changes', 'emit_flush', 'late_strategy', 'source_idle_timeout'] as const),
];
const FLAG_KEYS = Object.values(FLAG_SETTINGS).map(({ key }) => key);

function sqlNameOf(key: SettingKey): string | null {
  const names = [...Object.keys(PLAN_SETTINGS), ...Object.keys(ENGINE_SETTINGS)];
  return names.find((name) => name.replace(/[.-]/g, '_') === key) ?? null;
}

function flagsOf(settings: readonly Said[]): SettingFlags {
  const flags: Record<string, unknown> = {};
  for (const [name, { flag, key }] of Object.entries(FLAG_SETTINGS)) {
    const given = settings.find((each) => each.key === key);
    if (given !== undefined) flags[name] = settingFlag(flag, key)(given.text);
  }
  // Checked above, each as its own setting.
  return flags as SettingFlags;
}

/** A dot is a level of YAML. */
function yamlOf(settings: readonly Said[], random: Random): string {
  const lines = settings.map(({ key, text }) => {
    const levels = key.split('.');
    const quoted = JSON.stringify(text);
    return levels.length === 1
      ? `${key}: ${quoted}`
      : `${levels[0] ?? ''}:\n  ${levels[1] ?? ''}: ${quoted}`;
  });
  const broken = ['&a [*a]', '{', 'a: b: c', '- x', '\t', '? :', '!!x y', 'nosuch: 1', '*b'];
  if (random.chance(15)) lines.splice(random.below(lines.length + 1), 0, random.pick(broken));
  return lines.join('\n');
}

interface Layers {
  readonly flags: readonly Said[];
  readonly sets: readonly Said[];
  readonly environment: readonly Said[];
  readonly yaml: readonly Said[];
}

/** Some settings, each once: twice is a matter of its own. */
function some(keys: readonly SettingKey[], random: Random): readonly Said[] {
  const all = new Map<string, Said>();
  for (let left = random.below(4); left > 0; left -= 1) {
    const one = said(keys, random);
    all.set(one.key.split('.')[0] ?? one.key, one);
  }
  return [...all.values()];
}

function configuration(input: FuzzInput): void {
  const { random } = input;
  const inSql = SETTING_KEYS.filter((key) => sqlNameOf(key) !== null);
  const layers: Layers = {
    flags: some(FLAG_KEYS, random),
    sets: some(inSql, random),
    environment: some(SETTING_KEYS, random),
    yaml: some(SETTING_KEYS, random),
  };
  const yaml = yamlOf(layers.yaml, random);
  const sets = layers.sets.map(({ key, text }) => `SET '${sqlNameOf(key) ?? ''}' = '${text}';\n`);
  const sql = `${sets.join('')}SELECT 1 AS a;`;
  const environment = Object.fromEntries(
    layers.environment.map(({ key, text }) => [variableOf(key), text]),
  );
  input.shows(JSON.stringify({ flags: layers.flags, sql, environment, yaml }));
  try {
    const source = { name: 'fuzz.sql', text: sql };
    const { script, faults } = parseScript(sql, { sourceName: 'fuzz.sql', variables: null });
    if (faults.length > 0) throw new SqlFaults(faults);
    const { values } = resolveConfiguration(
      {
        flags: flagLayer(flagsOf(layers.flags)),
        ...fileLayers(script, source),
        environment: environmentLayer(environment, sql),
        yaml: yamlLayer({ name: 'velo.yaml', text: yaml }),
      },
      4,
    );
    judgeValues(layers, values);
    input.counts('counts as it is written');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    judgeFault(error, error.source?.text ?? '');
    judgePlace(error, layers);
    input.counts(error.code);
  }
}

/** A duration without a unit is in seconds to SQL. */
function inSeconds(settings: readonly Said[]): readonly Said[] {
  return settings.map((each) => {
    const text = /^\d+(\.\d+)?$/.test(each.text) ? `${each.text}s` : each.text;
    return !each.isRight && parseSetting(each.key, text).ok
      ? { ...each, text, isRight: true }
      : each;
  });
}

/** The strongest layer that speaks wins; no wrong value got so far. */
function judgeValues(layers: Layers, values: Readonly<Record<string, unknown>>): void {
  const all = [layers.flags, inSeconds(layers.sets), layers.environment, layers.yaml];
  const wrong = all.flat().find(({ isRight, text }) => !isRight && text !== '');
  if (wrong !== undefined) throw new Error(`"${wrong.text}" for ${wrong.key} is taken`);
  for (const key of ALONE) {
    const first = all.flatMap((layer) =>
      layer.filter((each) => each.key === key && each.text !== ''),
    );
    const [winner] = first;
    if (winner === undefined) continue;
    const parsed = parseSetting(key, winner.text);
    const isTaken = parsed.ok && JSON.stringify(parsed.value) === JSON.stringify(values[key]);
    if (!isTaken) throw new Error(`${key} is ${JSON.stringify(values[key])}, not ${winner.text}`);
  }
}

/** A refusal says where: a place in a text, or the flag or variable. */
function judgePlace(error: ConfigError, layers: Layers): void {
  const { detail = '', span, source } = error;
  if (source !== undefined && span !== undefined) return;
  const said = `${error.message} ${detail}`;
  const names = [
    ...layers.flags.map(({ key }) => Object.values(FLAG_SETTINGS).find((each) => each.key === key)),
  ].map((each) => each?.flag ?? '');
  const variables = layers.environment.map(({ key }) => variableOf(key));
  if (![...names, ...variables].some((name) => name !== '' && said.includes(name))) {
    throw new Error(`it is not said where: ${said}`);
  }
}

fuzz({
  file: 'options',
  name: 'options of tables are honoured, or faults at their places',
  sample: 1_200,
  cpuMsMax: CPU_MS_MAX,
  run: tableOptions,
});

fuzz({
  file: 'options',
  name: 'settings of all layers count, or are refused at their places',
  sample: 2_000,
  cpuMsMax: CPU_MS_MAX,
  run: configuration,
});
