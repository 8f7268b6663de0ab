/**
 * The settings of a job: which layer wins, what follows from several settings together, and that
 * every bad key or value is refused with its name, its place and what to write instead.
 */
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/base/errors.js';
import { lineColumnAt } from '../../src/base/span.js';
import { resolveConfiguration } from '../../src/cli/configuration/configuration.js';
import type { Configuration } from '../../src/cli/configuration/configuration.js';
import {
  environmentLayer,
  fileLayers,
  flagLayer,
} from '../../src/cli/configuration/configuration-layers.js';
import { parseSetting, SETTING_KEYS } from '../../src/cli/configuration/configuration-schema.js';
import { yamlLayer } from '../../src/cli/configuration/configuration-yaml.js';
import { settingFlag } from '../../src/cli/configuration/engine-flags.js';
import type { SettingFlags } from '../../src/cli/configuration/engine-flags.js';
import { resolvePlacement } from '../../src/processors/partitioned/job-settings.js';
import { parseScript } from '../../src/sql/parser.js';

interface Given {
  readonly flags?: SettingFlags;
  readonly sql?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly yaml?: string;
  readonly cores?: number;
}

function configure({ flags = {}, sql = '', env = {}, yaml = '', cores = 4 }: Given): Configuration {
  const source = { name: 'q.sql', text: sql };
  const { script, faults } = parseScript(sql, { sourceName: 'q.sql', variables: () => undefined });
  expect(faults).toEqual([]);
  const layers = {
    flags: flagLayer(flags),
    ...fileLayers(script, source),
    environment: environmentLayer(env, sql),
    yaml: yamlLayer({ name: 'velo.yaml', text: yaml }),
  };
  return resolveConfiguration(layers, cores);
}

/** The fault of a configuration, and where it points. */
function faultOf(given: Given): { fault: ConfigError; at: string | undefined } {
  try {
    configure(given);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { source, span } = error;
    if (source === undefined || span === undefined) return { fault: error, at: error.detail };
    const { line, column } = lineColumnAt(source.text, span.start);
    return { fault: error, at: `${source.name}:${line}:${column}` };
  }
  throw new Error('the configuration was accepted');
}

const query = (...above: readonly string[]): string => [...above, 'SELECT 1 AS a;'].join('\n');

describe('the layers', () => {
  const layers: readonly (readonly [string, Given, number])[] = [
    ['flag --ring-size', { flags: { ringSize: 11 } }, 11],
    ['annotation q.sql:2', { sql: query('', '-- @partition_buffer_size: 12') }, 12],
    ['SET q.sql:1', { sql: query("SET 'partition_buffer_size' = '13';") }, 13],
    ['environment VELO_PARTITION_BUFFER_SIZE', { env: { VELO_PARTITION_BUFFER_SIZE: '14' } }, 14],
    ['velo.yaml:2', { yaml: '# rings\npartition_buffer_size: 15' }, 15],
  ];

  it.each(layers)('give a value with its origin: %s', (origin, given, value) => {
    const { values, origins } = configure(given);
    expect(values.partition_buffer_size).toBe(value);
    expect(origins.partition_buffer_size).toBe(origin);
  });

  it('win in their order, whichever of them speak', () => {
    for (let set = 0; set < 32; set += 1) {
      const speaks = (layer: number): boolean => (set & (1 << layer)) !== 0;
      const annotation = speaks(1) ? '-- @partition_buffer_size: 12' : '';
      const statement = speaks(2) ? "SET 'partition_buffer_size' = '13';" : '';
      const { values } = configure({
        flags: speaks(0) ? { ringSize: 11 } : {},
        sql: `${statement}\n${annotation}\nSELECT 1 AS a;`,
        env: speaks(3) ? { VELO_PARTITION_BUFFER_SIZE: '14' } : {},
        yaml: speaks(4) ? 'partition_buffer_size: 15' : '',
      });
      const first = [0, 1, 2, 3, 4].find(speaks);
      expect(values.partition_buffer_size).toBe(first === undefined ? 16 : 11 + first);
    }
  });

  it('say "default" where nobody spoke', () => {
    const { values, origins, architecture, partitioned, notices } = configure({});
    expect({ architecture, partitioned, notices }).toEqual({
      architecture: 'v1',
      partitioned: null,
      notices: [],
    });
    expect(values).toMatchObject({ num_partitions: 1, workers: 1, batch_size: 4096 });
    expect(origins['throttle.min_delay']).toBe('default');
  });

  it('take SET keys of plans under their own names, --set included', () => {
    const sql = query("SET 'late.strategy' = 'process-all';", "SET 'allowed.lateness' = '90';");
    const { values, origins } = configure({
      flags: { set: new Map([['emit.changes', 'delta']]) },
      sql,
      yaml: 'source_idle_timeout: 2s',
    });
    expect(values).toMatchObject({
      late_strategy: 'process-all',
      allowed_lateness: 90_000,
      emit_changes: 'delta',
      source_idle_timeout: 2000,
    });
    expect(origins.emit_changes).toBe('flag --set emit.changes');
  });

  it('leave SET in front of no query, and annotations of a view, alone', () => {
    const view = '-- @num_partitions: 3\nCREATE STREAM v AS SELECT 1 AS a;\nSELECT a FROM v;';
    expect(configure({ sql: view }).architecture).toBe('v1');
    expect(configure({ sql: `${query()}\nSET 'num_partitions' = '3';` }).architecture).toBe('v1');
  });
});

describe('velo.yaml', () => {
  it('that ends too early is at fault at its end, not behind it', () => {
    for (const yaml of ['{', 'workers: 2\n{', 'batch_size: [1']) {
      const { fault } = faultOf({ yaml });
      expect(fault.key).toBe('CONFIG_INVALID');
      expect(fault.span?.end).toBeLessThanOrEqual(yaml.length);
    }
  });

  it('may hold every setting', () => {
    const yaml = `
processor_architecture: v2
num_partitions: 8
workers: auto
processing_mode: {batch: {size: 2000}}
target_latency: 3ms
partitioning_strategy: round-robin
rebalance: auto
partition_buffer_size: 64
max_memory: 1.5g
enable_core_affinity: true
backpressure: {enabled: false, queue_threshold: 0.5, latency_threshold: 1s}
throttle:
  min_delay: 0.2ms
  max_delay: 5ms
  backoff_multiplier: 3
metrics_port: 9464
checkpoint: {dir: state, interval: 1m, keep: 5}
restart: {attempts: 5, delay: 2s}
state: {max_rows: 5m, max_bytes: 2g, memory: 1g, memory_dir: scratch}
on_error: skip
dead_letter: dead.jsonl
format: csv
emit_changes: delta
emit_flush: false
late_strategy: dead-letter
allowed_lateness: 1m
source_idle_timeout: 10s
state_ttl: 2h
state_ttl_time: event
windows_per_record_max: 20000
`;
    const { partitioned, values, origins } = configure({ yaml });
    expect(partitioned).toEqual({
      partitions: 8,
      workers: 4,
      owners: null,
      rebalance: true,
      mode: { kind: 'batch', rows: 2000 },
      strategy: 'round-robin',
      ringSlots: 64,
      affinity: true,
      maxMemoryBytes: 1_610_612_736,
      backpressure: { enabled: false, queueThreshold: 0.5, latencyThresholdMs: 1000 },
      throttle: { minDelayMs: 0.2, maxDelayMs: 5, backoffMultiplier: 3 },
      metricsPort: 9464,
    });
    expect(values).toMatchObject({ on_error: 'skip', format: 'csv', allowed_lateness: 60_000 });
    expect(values).toMatchObject({ 'checkpoint.dir': 'state', 'checkpoint.interval': 60_000 });
    const unsaid = SETTING_KEYS.filter((key) => !origins[key].startsWith('velo.yaml:'));
    expect(unsaid).toEqual([]);
  });

  it.each(['', '# nothing', '---', 'null'])('may be empty: %j', (yaml) => {
    expect(configure({ yaml }).architecture).toBe('v1');
  });

  it('may use anchors', () => {
    const yaml = 'throttle: {min_delay: &d 2ms, max_delay: *d}';
    expect(configure({ yaml }).values['throttle.max_delay']).toBe(2);
  });

  const faults: readonly (readonly [string, string, RegExp, string | RegExp])[] = [
    ['num_partition: 3', '1:1', /"num_partition" does not exist/, 'did you mean "num_partitions"?'],
    ['partitions: 3', '1:1', /does not exist/, 'did you mean "num_partitions"?'],
    ['arch: v2', '1:1', /does not exist/, 'did you mean "processor_architecture"?'],
    ['nonsense: 1', '1:1', /does not exist/, /^settings are processor_architecture, num_part/],
    [
      'backpressure:\n  queue_treshold: 0.5',
      '2:3',
      /"backpressure.queue_treshold" does not exist/,
      'did you mean "queue_threshold"?',
    ],
    ['max_delay: 1ms', '1:1', /does not exist/, 'did you mean "throttle.max_delay"?'],
    ['backpressure: on', '1:1', /takes settings of its own/, /write enabled, queue_threshold/],
    ['workers: 2\nnum_partitions: 0', '2:17', /"0" for "num_partitions"/, /from 1 to 1024/],
    ['num_partitions: 1025', '1:17', /bad value/, /from 1 to 1024/],
    ['num_partitions: 2.5', '1:17', /bad value/, /whole number/],
    ['num_partitions: true', '1:17', /bad value/, /whole number/],
    ['num_partitions: [8]', '1:17', /bad value/, /whole number/],
    ['num_partitions:', '1:16', /bad value/, /whole number/],
    ['workers: 257', '1:10', /bad value/, /from 1 to 256/],
    ['partition_buffer_size: 1', '1:24', /bad value/, /from 2 to 65536/],
    ['processor_architecture: v3', '1:25', /bad value/, 'give one of v1, v2'],
    ['partitioning_strategy: hsah', '1:24', /bad value/, 'did you mean "hash"?'],
    ['processing_mode: batched', '1:18', /bad value/, 'did you mean "batch"?'],
    ['processing_mode: {batch: {sise: 5}}', '1:18', /bad value/, /\{batch: \{size: 2000\}\}/],
    ['processing_mode: {batch: {size: 0}}', '1:18', /bad value/, /\{batch: \{size: 2000\}\}/],
    ['batch_size: many', '1:13', /bad value/, /or adaptive/],
    ['enable_core_affinity: yes please', '1:23', /bad value/, 'give true or false'],
    ['target_latency: 5', '1:17', /bad value/, /with its unit/],
    ['target_latency: 0ms', '1:17', /bad value/, /above 0/],
    ['allowed_lateness: soon', '1:19', /bad value/, /with its unit/],
    ['throttle: {min_delay: -1ms}', '1:23', /bad value/, /with its unit/],
    ['throttle: {backoff_multiplier: 0.5}', '1:32', /bad value/, /from 1 to 1000/],
    ['backpressure: {queue_threshold: 1}', '1:33', /bad value/, /between 0 and 1/],
    ['backpressure: {queue_threshold: 0}', '1:33', /bad value/, /between 0 and 1/],
    ['metrics_port: 70000', '1:15', /bad value/, /65535/],
    ['on_error: ignore', '1:11', /bad value/, /fail, skip, dead-letter/],
    ['dead_letter: 5', '1:14', /bad value/, /kafka/],
    ['workers: 2\nworkers: 3', '2:1', /no YAML/, /./],
    ['workers: [2', '1:12', /no YAML/, /./],
    ['- workers', '1:1', /no map of settings/, /num_partitions: 8/],
    ['throttle: {min_delay: 20ms}', '1:23', /min_delay 20ms is above .*10ms/, /lower min_delay/],
    ['throttle: {max_delay: 0.05ms}', '1:23', /min_delay 0.1ms is above/, /raise max_delay/],
    [
      'processing_mode: {batch: {size: 5}}\nbatch_size: 6',
      '2:13',
      /batch_size "6" contradicts/,
      /one of the two/,
    ],
    ['processing_mode: individual\nbatch_size: adaptive', '2:13', /contradicts/, /one of the two/],
    [
      'processor_architecture: v1\nworkers: 2',
      '2:10',
      /v1 has one partition and one worker/,
      /leave partitions and workers away/,
    ],
  ];

  it.each(faults)('refuses %j', (yaml, at, message, hint) => {
    const { fault, at: place } = faultOf({ yaml });
    expect(fault.code).toBe('VELO_CONFIG_INVALID');
    expect(place).toBe(`velo.yaml:${at}`);
    expect(fault.message).toMatch(message);
    if (message.source !== 'no YAML') expect(fault.hint).toMatch(hint);
  });
});

describe('the environment', () => {
  it('names levels with underscores', () => {
    const env = { VELO_BACKPRESSURE_QUEUE_THRESHOLD: '0.6', VELO_THROTTLE_MAX_DELAY: '1s' };
    const { values } = configure({ env });
    expect(values).toMatchObject({
      'backpressure.queue_threshold': 0.6,
      'throttle.max_delay': 1000,
    });
  });

  it('counts an empty variable as none', () => {
    expect(configure({ env: { VELO_WORKERS: '' } }).architecture).toBe('v1');
  });

  it.each([
    ['VELO_NUM_PARTITONS', 'VELO_NUM_PARTITIONS'],
    ['VELO_PARTITIONS', 'VELO_NUM_PARTITIONS'],
    ['VELO_THROTTLE_MAX_DELAI', 'VELO_THROTTLE_MAX_DELAY'],
  ])('refuses %s, which is nearly a setting', (name, meant) => {
    const { fault, at } = faultOf({ env: { [name]: '3' } });
    expect([fault.code, at]).toEqual(['VELO_CONFIG_INVALID', `environment ${name}`]);
    expect(fault.hint).toBe(`did you mean "${meant}"?`);
  });

  it('leaves variables of SQL files alone', () => {
    const env = { VELO_RECORDS: '7', VELO_GROUPS: '200', VELO_SPLITS: '2', VELO_PARTITIONS: '3' };
    const sql = "SELECT '${VELO_PARTITIONS:-1}' AS a;";
    expect(configure({ env, sql }).architecture).toBe('v1');
  });

  it('refuses bad values by the name of the variable', () => {
    const { fault, at } = faultOf({ env: { VELO_WORKERS: '300' } });
    expect([fault.code, at]).toEqual(['VELO_CONFIG_INVALID', 'environment VELO_WORKERS']);
    expect(fault.hint).toMatch(/from 1 to 256/);
  });
});

describe('flags', () => {
  it.each([
    ['--partitions', 'num_partitions', '0', /from 1 to 1024/],
    ['--workers', 'workers', 'all', /auto or a whole number/],
    ['--mode', 'processing_mode', 'indvidual', /did you mean "individual"/],
    ['--ring-size', 'partition_buffer_size', '65537', /65536/],
    ['--target-latency', 'target_latency', '5', /with its unit/],
    ['--metrics-port', 'metrics_port', '-1', /65535/],
  ] as const)('%s refuses what %s cannot be', (flag, key, text, hint) => {
    const read = (): unknown => settingFlag(flag, key)(text);
    expect(read).toThrowError(`bad value "${text}" for ${flag}`);
    try {
      read();
    } catch (error) {
      expect(error).toMatchObject({ code: 'VELO_FLAG_INVALID' });
      expect((error as ConfigError).hint).toMatch(hint);
    }
  });

  it.each([
    ['num_partitions', '1_000', 1000],
    ['batch_size', '4k', 4000],
    ['batch_size', 'adaptive', 'adaptive'],
    ['target_latency', '0.5ms', 0.5],
    ['metrics_port', 'off', null],
    ['partitioning_strategy', 'Fan-In', 'fan-in'],
    ['enable_core_affinity', 'TRUE', true],
  ] as const)('%s reads %j', (key, text, value) => {
    expect(parseSetting(key, text)).toEqual({ ok: true, value });
  });
});

describe('annotations and SET', () => {
  it('refuse values out of range where they stand', () => {
    const { fault, at } = faultOf({ sql: query('', '-- @num_partitions: 2000') });
    expect([fault.code, at]).toEqual(['VELO_SETTING_INVALID', 'q.sql:2:1']);
    expect(faultOf({ sql: query("SET 'workers' = '999';") }).at).toBe('q.sql:1:1');
  });

  it('may be said by any query, but not differently', () => {
    const first = query('-- @num_partitions: 2');
    const agreeing = `${first}\n${query()}\n${query('-- @num_partitions: 2')}`;
    expect(configure({ sql: agreeing }).partitioned?.partitions).toBe(2);
    const { fault, at } = faultOf({ sql: `${first}\n${query('-- @num_partitions: 3')}` });
    expect(fault.message).toMatch(/contradicts annotation q\.sql:1/);
    expect(at).toBe('q.sql:3:1');
    const set = `${first}\n${query("SET 'num_partitions' = '3';")}`;
    expect(faultOf({ sql: set }).at).toBe('q.sql:3:1');
  });

  it('may contradict each other where a flag decides', () => {
    const sql = `${query('-- @num_partitions: 2')}\n${query('-- @num_partitions: 3')}`;
    expect(configure({ sql, flags: { partitions: 5 } }).partitioned?.partitions).toBe(5);
  });

  it('may give each query of V1 its own batches, and its own emission', () => {
    const sizes = `${query('-- @batch_size: 2')}\n${query('-- @batch_size: 3')}`;
    expect(configure({ sql: sizes })).toMatchObject({ architecture: 'v1', batchRows: null });
    expect(faultOf({ sql: sizes, flags: { arch: 'v2' } }).fault.message).toMatch(/"batch_size"/);
    const set = (value: string): string => query(`SET 'emit.changes' = '${value}';`);
    const { origins } = configure({ sql: `${set('delta')}\n${set('snapshot')}` });
    expect(origins.emit_changes).toBe('SET q.sql:1, then snapshot from SET q.sql:3');
  });

  it('call the mode @processing_mode or @job_mode, and let the modes of others pass', () => {
    for (const key of ['processing_mode', 'job_mode']) {
      expect(configure({ sql: query(`-- @${key}: individual`) }).mode.kind).toBe('individual');
    }
    expect(configure({ sql: query('-- @job_mode: simple') }).mode.kind).toBe('batch');
  });
});

describe('architecture', () => {
  const cases: readonly (readonly [string, Given, 'v1' | 'v2', string])[] = [
    ['partitions imply v2', { flags: { partitions: 8 } }, 'v2', 'implied by num_partitions'],
    ['workers imply v2', { yaml: 'workers: 1' }, 'v2', 'implied by workers (velo.yaml:1)'],
    [
      'partitions of a stronger layer than v1 imply v2',
      { yaml: 'processor_architecture: v1', env: { VELO_NUM_PARTITIONS: '2' } },
      'v2',
      'implied by num_partitions (environment',
    ],
    ['v2 stands for itself', { flags: { arch: 'v2' } }, 'v2', 'flag --arch'],
    [
      'v1 of a stronger layer wins',
      { yaml: 'num_partitions: 8', flags: { arch: 'v1' } },
      'v1',
      'flag --arch',
    ],
    ['v1 with one partition', { flags: { arch: 'v1', partitions: 1 } }, 'v1', 'flag --arch'],
  ];

  it.each(cases)('%s', (_name, given, expected, origin) => {
    const { architecture, partitioned, origins } = configure(given);
    expect(architecture).toBe(expected);
    expect(partitioned === null).toBe(expected === 'v1');
    expect(origins.processor_architecture).toContain(origin);
  });

  it('v1 refuses several partitions said just as strongly', () => {
    const { fault } = faultOf({ flags: { arch: 'v1', partitions: 8 } });
    expect(fault.code).toBe('VELO_FLAG_INVALID');
    expect(fault.message).toMatch(/--arch contradicts num_partitions = 8/);
    const sql = query('-- @processor_architecture: v1', '-- @workers: 2');
    expect(faultOf({ sql }).at).toBe('q.sql:2:1');
  });

  it('v1 tells of what has no effect', () => {
    const yaml = 'num_partitions: 8';
    expect(configure({ yaml, flags: { arch: 'v1' } }).notices).toEqual([
      'num_partitions = 8 (velo.yaml:1) says nothing on v1',
    ]);
    expect(configure({ flags: { partitioning: 'hash', affinity: true } }).notices).toEqual([
      'flag --partitioning says nothing on v1: add --arch v2',
      'flag --affinity says nothing on v1: add --arch v2',
    ]);
  });
});

describe('partitions and workers', () => {
  it.each([
    [
      { partitions: 8, workers: null },
      { partitions: 8, workers: 4 },
    ],
    [
      { partitions: null, workers: 2 },
      { partitions: 2, workers: 2 },
    ],
    [
      { partitions: null, workers: null },
      { partitions: 4, workers: 4 },
    ],
    [
      { partitions: 'auto', workers: 2 },
      { partitions: 4, workers: 2 },
    ],
    [
      { partitions: 1, workers: null },
      { partitions: 1, workers: 4 },
    ],
    [
      { partitions: 1, workers: 7 },
      { partitions: 1, workers: 7 },
    ],
    [
      { partitions: 1024, workers: 64 },
      { partitions: 1024, workers: 8 },
    ],
    [
      { partitions: 'auto', workers: 'auto' },
      { partitions: 4, workers: 4 },
    ],
  ] as const)('%j on 4 cores are %j', (asked, expected) => {
    expect(resolvePlacement(asked, 4)).toEqual(expected);
  });

  it('stay within their limits on any machine', () => {
    const most = { partitions: 'auto', workers: 'auto' } as const;
    expect(resolvePlacement(most, 4096)).toEqual({ partitions: 1024, workers: 256 });
    expect(resolvePlacement(most, 0)).toEqual({ partitions: 1, workers: 1 });
  });

  it('beyond the cores are legal, with a notice', () => {
    const { partitioned, notices } = configure({ flags: { workers: 4, partitions: 3 }, cores: 2 });
    expect(partitioned).toMatchObject({ partitions: 3, workers: 4 });
    expect(notices).toEqual(['4 workers share 2 cores: more workers than cores']);
  });

  it('far beyond the cores are not started, with a notice', () => {
    const { partitioned, notices } = configure({ flags: { workers: 64 }, cores: 2 });
    expect(partitioned).toMatchObject({ partitions: 64, workers: 4 });
    expect(notices).toEqual([
      'of 64 workers 4 are started: more only wait for each other on 2 cores',
    ]);
  });

  it('are shown resolved', () => {
    const { values, origins } = configure({ flags: { workers: 2 } });
    expect([values.num_partitions, values.workers]).toEqual([2, 2]);
    expect(origins.num_partitions).toBe('as many as workers (flag --workers)');
    expect(configure({ flags: { arch: 'v2' } }).origins.workers).toBe('default (auto, 4 cores)');
  });
});

describe('processing mode and batch size', () => {
  const batch = (rows: number): object => ({ kind: 'batch', rows });
  const individual = { kind: 'individual' } as const;
  const adaptive = { kind: 'adaptive' } as const;
  const cases: readonly (readonly [string, Given, object, number | null])[] = [
    ['nothing said', {}, batch(4096), null],
    ['a size', { flags: { batchSize: 7 } }, batch(7), 7],
    ['a size above the limit', { flags: { batchSize: 100_000 } }, batch(4096), 4096],
    ['individual: no cap on rows', { flags: { mode: individual } }, individual, null],
    ['individual with a cap', { flags: { mode: individual, batchSize: 9 } }, individual, 9],
    [
      'a flag over a mode with a size',
      {
        flags: { batchSize: 7 },
        yaml: 'processing_mode: {batch: {size: 9}}',
      },
      batch(7),
      7,
    ],
    [
      'a mode over a weaker size',
      {
        flags: { mode: adaptive },
        yaml: 'batch_size: 9',
      },
      { kind: 'adaptive', targetLatencyMs: 5 },
      4096,
    ],
    ['an annotation: the plan has it', { sql: query('-- @batch_size: 3') }, batch(3), null],
    [
      'a mode of a flag, the size of the file',
      {
        flags: { mode: { kind: 'batch', rows: null } },
        sql: query('-- @batch_size: 3'),
      },
      batch(3),
      null,
    ],
    [
      'an adaptive size',
      { flags: { batchSize: 'adaptive', targetLatency: 2, arch: 'v2' } },
      {
        kind: 'adaptive',
        targetLatencyMs: 2,
      },
      4096,
    ],
  ];

  it.each(cases)('%s', (_name, given, mode, batchRows) => {
    expect(configure(given)).toMatchObject({ mode, batchRows });
  });

  it('tell of a size that individual rows of V2 have no use for', () => {
    const { notices, partitioned } = configure({
      flags: { arch: 'v2', mode: individual, batchSize: 9 },
    });
    expect(partitioned?.mode).toEqual(individual);
    expect(notices).toEqual(['batch_size 9 (flag --batch-size) says nothing in individual mode']);
  });

  it('tell that V1 has no adaptive batches', () => {
    expect(configure({ flags: { batchSize: 'adaptive' } }).notices[0]).toMatch(/v2's/);
  });
});
