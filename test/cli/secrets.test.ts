/**
 * Secrets appear in nothing that velo prints or writes beside its sinks: every place where a user can
 * write one down, and every command and format that could show it.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { learnSecret, redact, redactData } from '../../src/base/redact.js';
import { velo } from '../support/velo-process.js';

const LIMIT_MS = 240_000;
const folder = mkdtempSync(join(tmpdir(), 'velo-secrets-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const secret = (place: string): string => `s3cr3t-of-${place}`;

/** Options that hold a secret each; nobody listens at the addresses. */
const KAFKA = `'connector' = 'kafka', 'topic' = 'x', 'properties.bootstrap.servers' = '127.0.0.1:9',
  'connect.timeout' = '300ms'`;
const PLACES: readonly string[] = [
  `'properties.security.protocol' = 'SASL_PLAINTEXT', 'properties.sasl.mechanism' = 'PLAIN',
   'properties.sasl.username' = 'u', 'properties.sasl.password' = '${secret('password')}'`,
  `'properties.sasl.jaas.config' = 'org.apache.kafka.common.security.plain.PlainLoginModule
     required username="u" password="${secret('jaas')}";'`,
  `'properties.ssl.key.password' = '${secret('key-password')}'`,
  `'properties.ssl.keystore.password' = '${secret('keystore')}'`,
  `'properties.ssl.key.pem' = '${secret('pem')}'`,
  `'properties.sasl.oauthbearer.token' = '${secret('bearer')}'`,
  `'format' = 'avro-confluent', 'avro-confluent.url' = 'http://u:${secret('registry-url')}@127.0.0.1:9'`,
  `'format' = 'avro-confluent', 'avro-confluent.url' = 'http://127.0.0.1:9',
   'avro-confluent.basic-auth.user-info' = 'u:${secret('user-info')}'`,
  `'format' = 'avro-confluent', 'avro-confluent.url' = 'http://127.0.0.1:9',
   'avro-confluent.bearer-auth.token' = '${secret('registry-token')}'`,
  `'format' = 'avro-confluent', 'avro-confluent.url' = 'http://127.0.0.1:9',
   'value.avro-confluent.ssl.key.password' = '${secret('value-prefix')}'`,
];
const ADDRESSES: readonly string[] = [
  `kafka://u:${secret('userinfo')}@127.0.0.1:9/x?connect.timeout=300ms`,
  `kafka://127.0.0.1:9/x?connect.timeout=300ms&properties.sasl.password=${secret('parameter')}`,
];

const tables = [
  ...PLACES.map((options, at) => `CREATE TABLE t${at} (a BIGINT) WITH (${KAFKA}, ${options});`),
  `CREATE TABLE env (a BIGINT) WITH (${KAFKA}, 'properties.sasl.password' = '\${PASSWORD_OF_TEST}');`,
];
const queries = [...tables.keys()].map((at) => {
  const name = at < PLACES.length ? `t${at}` : 'env';
  return `SELECT a FROM ${name} /*+ OPTIONS('properties.ssl.truststore.password' = '${secret('hint')}') */;`;
});

describe('no secret is shown by', () => {
  const env = { PASSWORD_OF_TEST: secret('environment'), VELO_DEAD_LETTER: ADDRESSES[1] ?? '' };
  const whole = join(folder, 'whole.sql');
  const faulty = join(folder, 'faulty.sql');
  const quoted = join(folder, 'quoted.sql');
  const broken = join(folder, 'broken.sql');

  beforeAll(() => {
    writeFileSync(whole, [...tables, ...queries].join('\n'));
    // A fault in each line that holds a secret, so that the lines are printed.
    const wrong = tables.map((sql) => sql.replace(`'topic' = 'x'`, `'topc' = 'x'`));
    const odd = PLACES.map(
      (options, at) =>
        `CREATE TABLE u${at} (a BIGINT) WITH (${KAFKA}, ${options}, 'fetch' = 'fast', 'odd' = '1');`,
    );
    writeFileSync(faulty, [...wrong, ...odd].join('\n'));
    writeFileSync(quoted, ADDRESSES.map((address) => `SELECT * FROM '${address}';`).join('\n'));
    writeFileSync(broken, tables.map((sql) => sql.replace('WITH (', 'WITH (,')).join('\n'));
  });

  const shown = async (args: readonly string[]): Promise<string> => {
    const { stdout, stderr } = await velo([...args], { env });
    return stdout + stderr;
  };
  const stages = ['ast', 'logical', 'pipeline', 'kernels'];
  const commands: readonly (readonly string[])[] = [
    ['check', whole],
    ['check', faulty],
    ['check', quoted],
    ['check', quoted, '--resolve'],
    ['check', broken],
    ['explain', whole],
    ['explain', whole, '--format', 'json'],
    ['explain', whole, '--format', 'mermaid'],
    ...stages.map((stage) => ['explain', whole, '--stage', stage]),
    ['config', whole],
    ['config', whole, '--format', 'json'],
    ['run', whole, '-v'],
    ['run', quoted, '-v'],
    ['run', faulty],
    ['run', '-e', `SELECT 1`, '--dead-letter', ADDRESSES[0] ?? '', '--on-error', 'dead-letter'],
    ['run', whole, '--source', `t0=${ADDRESSES[1] ?? ''}`],
    ['run', whole, '--source', `nosuch=${ADDRESSES[1] ?? ''}`],
    ['run', whole, '--set', `sasl.password=${secret('set')}`],
    ['datagen', whole, '--table', 't0', '--to', ADDRESSES[0] ?? ''],
    ['run', whole, '--stats-json', join(folder, 'stats.json'), '--duration', '100ms'],
  ];

  it.each(commands.map((args) => [args.join(' ').replaceAll(folder, ''), args] as const))(
    'velo %s',
    async (_, args) => {
      const text = await shown(args);
      expect(text.length).toBeGreaterThan(0);
      expect(text.match(/s3cr3t-of-[\w-]+/g) ?? []).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    '--stats-json',
    async () => {
      const stats = join(folder, 'stats.json');
      const data = join(folder, 'a.jsonl');
      writeFileSync(data, '{"a":1}\n');
      const sql = `${tables[0] ?? ''} SELECT a FROM '${data}'`;
      await velo(['run', '-e', sql, '--stats-json', stats], { env: { PASSWORD_OF_TEST: 'x' } });
      expect(readFileSync(stats, 'utf8')).not.toContain('s3cr3t');
    },
    LIMIT_MS,
  );
});

describe('the redactor', () => {
  it.each([
    ["'properties.sasl.password' = 'hunter2'", "'properties.sasl.password' = '***'"],
    ['"sasl.password": "hunter2"', '"sasl.password": "***"'],
    [
      'kafka://u:p@h:1/t?properties.sasl.password=x%20y&a=b',
      'kafka://***@h:1/t?properties.sasl.password=***&a=b',
    ],
    ['http://u:p@ss@h/', 'http://***@h/'],
    ['a.token.endpoint.url=http://h', 'a.token.endpoint.url=http://h'],
    ["'properties.ssl.key.location' = 'k.pem'", "'properties.ssl.key.location' = 'k.pem'"],
    ["'key.fields' = 'a'", "'key.fields' = 'a'"],
    ['nothing to hide: 1 = 1', 'nothing to hide: 1 = 1'],
  ])('%s', (text, shown) => {
    expect(redact(text)).toBe(shown);
  });

  it('hides what it has learnt, whoever words it', () => {
    learnSecret('open sesame');
    expect(redact('broker says: user with open sesame is refused')).not.toContain('sesame');
    expect(redactData({ a: [{ note: 'open sesame', password: 'x' }], n: 1 })).toEqual({
      a: [{ note: '***', password: '***' }],
      n: 1,
    });
  });

  it('reads every text once', () => {
    const hard = [
      'password',
      "'a'='",
      'a=',
      '://',
      '@',
      "'",
      '"',
      'token=',
      ' ',
      '?a',
      'http://a@',
    ];
    // Counted in characters that a form may hold: ten times the text takes ten times the work.
    const cost = (times: number): number => {
      const begun = process.cpuUsage();
      for (const part of hard) redact(part.repeat(times));
      const { user, system } = process.cpuUsage(begun);
      return user + system;
    };
    cost(2_000);
    const ratio = cost(100_000) / Math.max(1, Math.min(cost(10_000), cost(10_000)));
    expect(ratio).toBeLessThan(40);
  });
});
