/**
 * The client of the schema registry against one over HTTP: the cache, references, credentials, a
 * registry that is away or says no, and blocks that wait for their schemas.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { VeloError } from '../../src/base/errors.js';
import type { KafkaBlocks, KafkaSplitBlocks } from '../../src/connectors/kafka/blocks/blocks.js';
import { MessageBlock } from '../../src/connectors/kafka/blocks/message-block.js';
import {
  messageBlockBytes,
  readMessageBlock,
  writeMessageBlock,
} from '../../src/connectors/kafka/blocks/message-wire.js';
import type { MessageBlockView } from '../../src/connectors/kafka/blocks/message-wire.js';
import type { RegistryEndpoint } from '../../src/connectors/kafka/settings/schema-options.js';
import { withSchemas } from '../../src/connectors/kafka/registry/schema-blocks.js';
import { openSchemaEncoder } from '../../src/connectors/kafka/registry/schema-encoder.js';
import { readOptions, writeOptions } from '../../src/connectors/kafka/settings/table-options.js';
import type { SchemaWriteOptions } from '../../src/connectors/kafka/settings/schema-options.js';
import { SchemaRegistry } from '../../src/connectors/kafka/registry/schema-registry.js';
import type { TableDefinition } from '../../src/plan/schema.js';
import { framed, TestRegistry } from '../support/schema-registry.js';

const SCHEMA = '{"type":"record","name":"R","fields":[{"name":"a","type":"long"}]}';

let server: TestRegistry;
let notices: string[];
let clients: SchemaRegistry[];

beforeEach(async () => {
  server = new TestRegistry();
  notices = [];
  clients = [];
  await server.start();
});
afterEach(async () => {
  for (const client of clients) client.close();
  await server.stop();
});

function endpointOf(changes: Partial<RegistryEndpoint> = {}): RegistryEndpoint {
  const urls = [server.url];
  return { label: 'table "t"', urls, authorization: null, tls: {}, timeoutMs: 10_000, ...changes };
}

const talk = {
  clock: systemClock,
  notice: (line: string) => {
    notices.push(line);
  },
};

function newClient(changes: Partial<RegistryEndpoint> = {}): SchemaRegistry {
  const client = new SchemaRegistry(endpointOf(changes), talk);
  clients.push(client);
  return client;
}

async function faultOf(promise: Promise<unknown>): Promise<VeloError> {
  const error: unknown = await promise.then(
    () => null,
    (cause: unknown) => cause,
  );
  if (error instanceof VeloError) return error;
  throw new Error(`no operating error: ${String(error)}`);
}

describe('schemas of a registry', { timeout: 240_000 }, () => {
  it('are asked for once, unknown ones included', async () => {
    const id = server.register('t-value', SCHEMA);
    const client = newClient();
    const definition = { language: 'avro', text: SCHEMA, references: [] };
    expect(await client.lookUp(id)).toEqual({ id, definition, fault: '' });
    await client.lookUp(id);
    expect(client.known(id)?.definition).toEqual(definition);
    const unknown = await client.lookUp(99);
    expect(unknown.definition).toBeNull();
    expect(unknown.fault).toContain('does not know');
    await client.lookUp(99);
    expect(server.requests).toEqual([`GET /schemas/ids/${id}`, 'GET /schemas/ids/99']);
  });

  it('bring what they refer to, each before who needs it', async () => {
    server.register('a', 'message A {}', 'PROTOBUF');
    const toA = [{ name: 'a.proto', subject: 'a', version: 1 }];
    server.register('b', 'message B {}', 'PROTOBUF', toA);
    const toB = [{ name: 'b.proto', subject: 'b', version: 1 }, ...toA];
    const id = server.register('t-value', 'message T {}', 'PROTOBUF', toB);
    const { definition } = await newClient().lookUp(id);
    expect(definition?.language).toBe('protobuf');
    expect(definition?.references.map((each) => each.name)).toEqual(['a.proto', 'b.proto']);
  });

  it('are found by subject and registered', async () => {
    const client = newClient();
    expect(await client.latest('t-value')).toBeNull();
    const definition = { language: 'avro', text: SCHEMA, references: [] } as const;
    const id = await client.register('t-value', definition);
    expect(await client.register('t-value', definition)).toBe(id);
    expect((await client.latest('t-value'))?.id).toBe(id);
  });

  it('need the credentials that the registry asks for', async () => {
    const id = server.register('t-value', SCHEMA);
    server.credentials = 'me:secret';
    const fault = await faultOf(newClient().lookUp(id));
    expect(fault.code).toBe('VELO_SCHEMA_REGISTRY_REFUSED');
    expect(fault.message).toContain('status 401');
    const authorization = `Basic ${Buffer.from('me:secret').toString('base64')}`;
    expect((await newClient({ authorization }).lookUp(id)).definition).not.toBeNull();
  });

  it('are waited for while the registry is away, with a notice', async () => {
    const id = server.register('t-value', SCHEMA);
    const { url } = server;
    await server.stop();
    const client = newClient({ urls: [url] });
    const answer = client.lookUp(id);
    await expect.poll(() => notices.length, { timeout: 240_000 }).toBe(1);
    await server.start();
    expect((await answer).definition?.text).toBe(SCHEMA);
    expect(notices[0]).toContain('is away');
    expect(notices[1]).toContain('is back');
  });

  it('are asked for again when the registry fails for a while', async () => {
    const id = server.register('t-value', SCHEMA);
    server.failWith = 503;
    const answer = newClient().lookUp(id);
    await expect.poll(() => server.requests.length, { timeout: 240_000 }).toBeGreaterThan(2);
    server.failWith = null;
    expect((await answer).definition?.text).toBe(SCHEMA);
    expect(notices[0]).toContain('is away (status 503)');
  });

  it('are given up when it stays away, or fails, longer than the limit', async () => {
    server.failWith = 503;
    const fault = await faultOf(newClient({ timeoutMs: 300 }).lookUp(1));
    expect(fault.code).toBe('VELO_SCHEMA_REGISTRY');
    expect(fault.message).toContain('status 503');
    const { url } = server;
    await server.stop();
    const gone = await faultOf(newClient({ urls: [url], timeoutMs: 300 }).lookUp(1));
    expect(gone.code).toBe('VELO_SCHEMA_REGISTRY');
    expect(gone.message).toContain('ECONNREFUSED');
  });

  it('come from the next address when one is away', async () => {
    const id = server.register('t-value', SCHEMA);
    const urls = ['http://127.0.0.1:1', server.url];
    expect((await newClient({ urls }).lookUp(id)).definition).not.toBeNull();
  });
});

/** One split that hands out the given blocks. */
function blocksOf(blocks: readonly MessageBlock[]): KafkaBlocks {
  let at = 0;
  const split: KafkaSplitBlocks = {
    split: 0,
    topic: 't',
    range: { partition: 0, start: 0, stop: 100 },
    next: (): MessageBlockView | 'end' => {
      const block = blocks[at];
      if (block === undefined) return 'end';
      at += 1;
      return { split: 0, sequence: at - 1, block, nextOffset: at * 10 };
    },
    ready: () => Promise.resolve(),
    position: () => String(at * 10),
    seek: () => undefined,
    rowsRead: () => at,
    lag: () => null,
    finishedThrough: () => undefined,
  };
  const done = (): Promise<void> => Promise.resolve();
  return {
    bounded: true,
    topic: 't',
    path: 'columnar',
    splits: [split],
    commit: done,
    hurry: () => undefined,
    close: done,
  };
}

function blockWith(records: readonly Uint8Array[]): MessageBlock {
  const block = new MessageBlock(16, { keys: false, headers: false });
  records.forEach((value, offset) => {
    const message = { offset, timestamp: 0, key: null, value } as never;
    block.append(message, value);
  });
  return block;
}

describe('blocks of framed records', { timeout: 240_000 }, () => {
  async function drained(split: KafkaSplitBlocks): Promise<MessageBlockView | 'end'> {
    for (;;) {
      const view = split.next();
      if (view !== 'wait') return view;
      await split.ready();
    }
  }

  it('wait for their schemas, hold their place, and bring them along', async () => {
    const id = server.register('t-value', SCHEMA);
    const value = Buffer.from([2]);
    const first = blockWith([framed(id, value), framed(id, value), Buffer.from('no frame')]);
    const second = blockWith([framed(id, value)]);
    const blocks = withSchemas(blocksOf([first, second]), 'value', endpointOf(), talk);
    const split = blocks.splits[0] as KafkaSplitBlocks;
    expect(split.next()).toBe('wait');
    expect(split.position()).toBe('0');
    expect(split.rowsRead()).toBe(0);
    const view = (await drained(split)) as MessageBlockView;
    expect(split.position()).toBe('10');
    expect(view.block.schemas.map((schema) => schema.id)).toEqual([id]);
    const next = split.next() as MessageBlockView;
    expect(next.block.schemas).toBe(view.block.schemas);
    expect(split.next()).toBe('end');

    const bytes = new Uint8Array(messageBlockBytes(view));
    expect(writeMessageBlock(view, bytes, 0)).toBe(bytes.length);
    const copy = new MessageBlock(16, { keys: false, headers: false });
    readMessageBlock(bytes, 0, copy);
    expect(copy.schemas).toEqual(view.block.schemas);
    await blocks.close();
  });

  it('fail when the registry stays away', async () => {
    const { url } = server;
    await server.stop();
    const endpoint = endpointOf({ urls: [url], timeoutMs: 200 });
    const blocks = withSchemas(
      blocksOf([blockWith([framed(1, Buffer.from([2]))])]),
      'value',
      endpoint,
      talk,
    );
    const fault = await faultOf(drained(blocks.splits[0] as KafkaSplitBlocks));
    expect(fault.code).toBe('VELO_SCHEMA_REGISTRY');
    await blocks.close();
  });
});

describe('the schema that rows are written with', { timeout: 240_000 }, () => {
  const columns = [{ name: 'a', type: { kind: 'bigint' } }] as const;

  function optionsOf(changes: Partial<SchemaWriteOptions> = {}): SchemaWriteOptions {
    return {
      label: 'table "t"',
      language: 'avro',
      definition: null,
      message: null,
      registry: endpointOf(),
      subject: 't-value',
      registers: true,
      ...changes,
    };
  }

  it.each(['avro', 'protobuf'] as const)('of %s is registered once', async (language) => {
    await openSchemaEncoder(optionsOf({ language }), columns, talk);
    await openSchemaEncoder(optionsOf({ language }), columns, talk);
    expect(server.requests).toEqual(Array(2).fill('POST /subjects/t-value/versions'));
    const latest = await newClient().latest('t-value');
    expect(latest?.id).toBe(1);
    expect(latest?.definition?.language).toBe(language);
    expect(latest?.definition?.text).toContain(language === 'avro' ? '"name":"a"' : 'int64 a = 1;');
  });

  it('is refused by a registry that finds it incompatible', async () => {
    server.register('t-value', SCHEMA);
    server.closed.add('t-value');
    const fault = await faultOf(openSchemaEncoder(optionsOf(), columns, talk));
    expect(fault.code).toBe('VELO_SCHEMA_REGISTRY_REFUSED');
    expect(fault.message).toContain('subject "t-value" does not take the schema (status 409)');
    expect(fault.detail).toContain('incompatible');
    expect(fault.hint).toContain('compatibility');
    const definition = { language: 'avro', text: SCHEMA, references: [] } as const;
    await openSchemaEncoder(optionsOf({ definition }), columns, talk);
  });

  it('is not registered where the columns do not fit it', async () => {
    const text = SCHEMA.replace('"a"', '"b"');
    const definition = { language: 'avro', text, references: [] } as const;
    const fault = await faultOf(openSchemaEncoder(optionsOf({ definition }), columns, talk));
    expect(fault.code).toBe('VELO_SETTING_INVALID');
    expect(fault.message).toContain('no field "a"');
    expect(server.requests).toEqual([]);
  });

  it('may be the latest of the subject, if the columns fit it', async () => {
    const options = optionsOf({ registers: false });
    const none = await faultOf(openSchemaEncoder(options, columns, talk));
    expect(none.code).toBe('VELO_SCHEMA_REGISTRY_REFUSED');
    expect(none.message).toContain('no schema of subject "t-value"');
    server.register('t-value', SCHEMA);
    await openSchemaEncoder(options, columns, talk);
    server.register('t-value', SCHEMA.replace('"long"', '"string"'));
    const unfit = await faultOf(openSchemaEncoder(options, columns, talk));
    expect(unfit.message).toContain('do not fit the schema 2: its field "a" is a string');
    server.register('t-value', 'message T {}', 'PROTOBUF');
    const other = await faultOf(openSchemaEncoder(options, columns, talk));
    expect(other.message).toContain('writes avro, and the schema of subject "t-value" is protobuf');
    expect(server.requests.every((request) => request.startsWith('GET '))).toBe(true);
  });

  it('is given up when the registry stays away', async () => {
    const { url } = server;
    await server.stop();
    const registry = endpointOf({ urls: [url], timeoutMs: 300 });
    const fault = await faultOf(openSchemaEncoder(optionsOf({ registry }), columns, talk));
    expect(fault.code).toBe('VELO_SCHEMA_REGISTRY');
    expect(fault.message).toContain('ECONNREFUSED');
  });
});

describe('options of formats with schemas', () => {
  function table(options: Readonly<Record<string, string>>): TableDefinition {
    const physical = [{ name: 'a', type: { kind: 'bigint' } }] as const;
    return {
      name: 't',
      connector: 'kafka',
      options: { topic: 'topic', 'properties.bootstrap.servers': 'b:1', ...options },
      physical,
      columns: [],
      watermark: null,
      primaryKey: [],
      bounded: true,
    };
  }

  const readSchema = (options: Readonly<Record<string, string>>, format: string) =>
    readOptions(table({ ...options, format })).schema;
  const writeSchema = (options: Readonly<Record<string, string>>, format: string) =>
    writeOptions(table({ ...options, format })).schema;
  const keySchema = (options: Readonly<Record<string, string>>, format: string) =>
    writeOptions(table({ ...options, 'key.format': format })).keySchema;

  it('have defaults and Flink names, with value. in front or without', () => {
    const read = readSchema(
      {
        'value.avro-confluent.url': 'http://u:p%40@a:1/,http://b:2',
        'avro-confluent.timeout': '5s',
      },
      'avro-confluent',
    );
    expect(read?.registry?.urls).toEqual(['http://a:1', 'http://b:2']);
    expect(read?.registry?.authorization).toBe(`Basic ${Buffer.from('u:p@').toString('base64')}`);
    expect(read?.registry?.timeoutMs).toBe(5_000);
    expect(readSchema({}, 'json')).toBeNull();
    expect(readSchema({}, 'avro')?.definition?.text).toContain('"name":"a"');
  });

  it('of writing name the subjects of values and keys, which share a registry', () => {
    const shared = { 'avro-confluent.url': 'http://a:1', 'avro-confluent.auto-register': 'false' };
    const value = writeSchema(shared, 'avro-confluent');
    expect(value).toMatchObject({ subject: 'topic-value', registers: false, language: 'avro' });
    const keyed = {
      ...shared,
      format: 'avro-confluent',
      'key.avro-confluent.subject': 'keys',
    };
    const key = keySchema(keyed, 'avro-confluent');
    expect(key).toMatchObject({ subject: 'keys', registers: true });
    expect(key?.registry?.urls).toEqual(['http://a:1']);
    const other = keySchema({ 'key.protobuf-confluent.url': 'http://b:2' }, 'protobuf-confluent');
    expect(other).toMatchObject({ subject: 'topic-key', language: 'protobuf' });
    expect(other?.registry?.urls).toEqual(['http://b:2']);
    expect(writeSchema({}, 'protobuf')).toMatchObject({ registry: null });
    expect(writeSchema({}, 'json')).toBeNull();
    const both = { ...shared, 'avro-confluent.schema': SCHEMA };
    expect(() => writeSchema(both, 'avro-confluent')).toThrow('registered');
  });

  it.each([
    ['avro-confluent', {}, 'lacks the option "avro-confluent.url"'],
    ['avro-confluent', { 'avro-confluent.url': 'b:1' }, 'cannot be "b:1"'],
    ['protobuf', {}, 'lacks the option "protobuf.schema-file"'],
    ['protobuf', { 'protobuf.schema-file': '/nowhere/x.proto' }, 'cannot be "/nowhere/x.proto"'],
    ['avro', { 'avro.encoding': 'json' }, 'cannot be "json"'],
  ] as const)('%s refuses %o', (format, options, message) => {
    expect(() => readSchema(options, format)).toThrow(message);
  });
});
