/**
 * The WITH options of the formats with schemas, under Flink's names where Flink has them: 'avro',
 * 'avro-confluent', 'protobuf' and 'protobuf-confluent'. Owns their values and defaults; schema
 * files are read here, registries are asked by schema-registry.ts.
 *
 * An option may have 'value.' in front, as in Flink; those of a written key have 'key.'. Where velo
 * takes more than Flink: a schema as text or file, PEM files for TLS, a limit to how long the
 * registry may be away, schemas that are not registered but the subject's latest.
 */
import { readFileSync } from 'node:fs';
import { ConfigError } from '../../base/errors.js';
import { avroSchemaText } from '../../formats/avro-table-schema.js';
import type { MessageFormat } from '../../formats/decoder-registry.js';
import type { SchemaDefinition, SchemaSettings } from '../../formats/wire-schema.js';
import { didYouMean } from '../../plan/faults.js';
import type { TableDefinition } from '../../plan/schema.js';
import { parseDurationMs } from '../../sql/durations.js';
import type { RegistryEndpoint, RegistryTls } from './registry-request.js';

export interface SchemaOptions extends SchemaSettings {
  /** null: the format asks no registry. */
  readonly registry: RegistryEndpoint | null;
}

/** Formats have options for either part of a record. */
export type RecordPart = 'key' | 'value';

/** How rows become messages: the values of records, or their keys. */
export interface SchemaWriteOptions {
  /** What messages call the place: `table "orders"`. */
  readonly label: string;
  readonly language: 'avro' | 'protobuf';
  /** The schema that the table gives; null: it is made of the columns, or the subject's latest. */
  readonly definition: SchemaDefinition | null;
  /** Protobuf: full name of the message; null: the schema's first. */
  readonly message: string | null;
  /** null: nothing is registered, and no frame is written. */
  readonly registry: RegistryEndpoint | null;
  readonly subject: string;
  /** The schema is registered under the subject; else the subject's latest is written with. */
  readonly registers: boolean;
}

/** Default of the format's 'timeout'. */
const REGISTRY_TIMEOUT_MS = 30_000;

/** Of a registry and the way to it: a key's are the value's where it has none of its own. */
const CONNECTION_OPTIONS: readonly string[] = [
  'url',
  'schema-registry.url',
  'basic-auth.credentials-source',
  'basic-auth.user-info',
  'bearer-auth.credentials-source',
  'bearer-auth.token',
  'ssl.ca.location',
  'ssl.certificate.location',
  'ssl.key.location',
  'ssl.key.password',
  'timeout',
];
const REGISTRY_OPTIONS = [...CONNECTION_OPTIONS, 'subject', 'auto-register'];
const PROTOBUF_OPTIONS = ['message-class-name', 'read-default-values', 'ignore-parse-errors'];

const OPTIONS: Readonly<Partial<Record<MessageFormat, readonly string[]>>> = {
  avro: ['schema', 'schema-file', 'encoding'],
  'avro-confluent': [...REGISTRY_OPTIONS, 'schema', 'schema-file'],
  protobuf: ['schema', 'schema-file', ...PROTOBUF_OPTIONS],
  'protobuf-confluent': [...REGISTRY_OPTIONS, 'schema', 'schema-file', ...PROTOBUF_OPTIONS],
};

/** Names of a format's options as a table may spell them; none for formats without schemas. */
export function schemaOptionNames(format = '', part: RecordPart): readonly string[] {
  const [, options = []] = Object.entries(OPTIONS).find(([name]) => name === format) ?? [];
  const names = options.map((name) => `${format}.${name}`);
  if (part === 'key') return names.map((name) => `key.${name}`);
  return [...names, ...names.map((name) => `value.${name}`)];
}

/** Throws ConfigError SETTING_INVALID; null for formats without schemas. Reads schema files. */
export function schemaOptions(table: TableDefinition, format: MessageFormat): SchemaOptions | null {
  if (OPTIONS[format] === undefined) return null;
  const values = new FormatOptions(table, format, 'value');
  values.only('encoding', 'binary');
  values.only('ignore-parse-errors', 'false');
  return {
    definition: givenSchema(values, format) ?? presetSchema(values, table, format),
    message: values.text('message-class-name'),
    readDefaults: values.flag('read-default-values'),
    registry: asksRegistry(format) ? registryEndpoint(values) : null,
  };
}

/** The same for writing. */
export function schemaWriteOptions(
  table: TableDefinition,
  format: MessageFormat,
  part: RecordPart,
): SchemaWriteOptions | null {
  if (OPTIONS[format] === undefined) return null;
  const values = new FormatOptions(table, format, part);
  values.only('encoding', 'binary');
  const definition = givenSchema(values, format);
  const registers = values.choice('auto-register', ['true', 'false']) !== 'false';
  if (definition !== null && !registers) {
    throw new ConfigError('SETTING_INVALID', {
      message: `${values.label} gives a schema of format "${format}" that is not to be registered`,
      hint: "without 'auto-register' the subject's latest schema is written with: give no other",
    });
  }
  return {
    label: values.label,
    language: languageOf(format),
    definition,
    message: values.text('message-class-name'),
    registry: asksRegistry(format) ? registryEndpoint(values) : null,
    subject: values.text('subject') ?? `${table.options['topic'] ?? ''}-${part}`,
    registers,
  };
}

function asksRegistry(format: MessageFormat): boolean {
  return format === 'avro-confluent' || format === 'protobuf-confluent';
}

function languageOf(format: MessageFormat): 'avro' | 'protobuf' {
  return format.startsWith('avro') ? 'avro' : 'protobuf';
}

/** The schema that the table gives, if it does. */
function givenSchema(values: FormatOptions, format: MessageFormat): SchemaDefinition | null {
  const language = languageOf(format);
  const given = values.text('schema');
  if (given !== null) return { language, text: given, references: [] };
  const file = values.text('schema-file');
  if (file !== null) {
    const bytes = values.file('schema-file', file);
    // A compiled descriptor set is no text: it travels as base64, as registries give them.
    const isText = language === 'avro' || file.endsWith('.proto');
    return { language, text: bytes.toString(isText ? 'utf8' : 'base64'), references: [] };
  }
  return null;
}

/** What records are read with where the table gives no schema; null: they name theirs. */
function presetSchema(
  values: FormatOptions,
  table: TableDefinition,
  format: MessageFormat,
): SchemaDefinition | null {
  if (format === 'protobuf') throw values.missing('schema-file', 'the path of a .proto file');
  if (format !== 'avro') return null;
  return { language: 'avro', text: avroSchemaText(table.physical), references: [] };
}

function registryEndpoint(values: FormatOptions): RegistryEndpoint {
  const text = values.text('url') ?? values.text('schema-registry.url');
  if (text === null) throw values.missing('url', "an address, such as 'http://localhost:8081'");
  let inUrl: string | null = null;
  const urls = text.split(',').map((each) => {
    const url = values.url(each.trim());
    if (url.username !== '') {
      inUrl = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    }
    url.username = '';
    url.password = '';
    return url.href.replace(/\/+$/, '');
  });
  return {
    label: values.label,
    urls,
    authorization: authorization(values, inUrl),
    tls: registryTls(values),
    timeoutMs: values.durationMs('timeout', REGISTRY_TIMEOUT_MS),
  };
}

function authorization(values: FormatOptions, inUrl: string | null): string | null {
  const token = values.text('bearer-auth.token');
  values.only('bearer-auth.credentials-source', 'STATIC_TOKEN');
  if (token !== null) return `Bearer ${token}`;
  const source = values.choice('basic-auth.credentials-source', ['USER_INFO', 'URL']);
  const info = source === 'URL' ? inUrl : (values.text('basic-auth.user-info') ?? inUrl);
  if (info !== null) return `Basic ${Buffer.from(info).toString('base64')}`;
  if (source === null) return null;
  throw values.missing('basic-auth.user-info', "'user:password'");
}

function registryTls(values: FormatOptions): RegistryTls {
  const pem = (name: string): string | null => {
    const path = values.text(name);
    return path === null ? null : values.file(name, path).toString('utf8');
  };
  const ca = pem('ssl.ca.location');
  const cert = pem('ssl.certificate.location');
  const key = pem('ssl.key.location');
  const passphrase = values.text('ssl.key.password');
  return {
    ...(ca === null ? {} : { ca }),
    ...(cert === null ? {} : { cert }),
    ...(key === null ? {} : { key }),
    ...(passphrase === null ? {} : { passphrase }),
  };
}

/** Reads the options of one format and words what is wrong with them. */
class FormatOptions {
  readonly label: string;
  private readonly values: TableDefinition['options'];
  private readonly format: string;
  private readonly part: RecordPart;

  constructor(table: TableDefinition, format: string, part: RecordPart) {
    this.label = `table "${table.name}"`;
    this.values = table.options;
    this.format = format;
    this.part = part;
  }

  text(name: string): string | null {
    const { values, format, part } = this;
    const own = values[`${part}.${format}.${name}`];
    const isShared = part === 'value' || CONNECTION_OPTIONS.includes(name);
    const shared = values[`value.${format}.${name}`] ?? values[`${format}.${name}`];
    const value = own ?? (isShared ? shared : undefined);
    return value === undefined || value === '' ? null : value;
  }

  choice(name: string, choices: readonly string[]): string | null {
    const value = this.text(name);
    if (value === null || choices.includes(value)) return value;
    const list = choices.map((each) => `'${each}'`).join(', ');
    throw this.invalid(name, value, didYouMean(value, choices) ?? `use ${list}`);
  }

  /** An option of Flink's that velo takes at the value that says what it does anyway. */
  only(name: string, value: string): void {
    this.choice(name, [value]);
  }

  flag(name: string): boolean {
    return this.choice(name, ['true', 'false']) === 'true';
  }

  url(text: string): URL {
    if (/^https?:\/\//.test(text) && URL.canParse(text)) return new URL(text);
    throw this.invalid('url', text, "write an address, such as 'http://localhost:8081'");
  }

  durationMs(name: string, preset: number): number {
    const value = this.text(name);
    if (value === null) return preset;
    const durationMs = parseDurationMs(value);
    if (durationMs !== undefined && durationMs > 0) return durationMs;
    throw this.invalid(name, value, "give a duration, such as '10s' or '500ms'");
  }

  file(name: string, path: string): Buffer {
    try {
      return readFileSync(path);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      throw this.invalid(name, path, `the file cannot be read: ${code}`);
    }
  }

  missing(name: string, what: string): ConfigError {
    return new ConfigError('SETTING_INVALID', {
      message: `${this.label} with format "${this.format}" lacks the option "${this.format}.${name}"`,
      hint: `add '${this.format}.${name}' with ${what}`,
    });
  }

  private invalid(name: string, value: string, hint: string): ConfigError {
    return new ConfigError('SETTING_INVALID', {
      message: `option "${this.format}.${name}" of ${this.label} cannot be "${value}"`,
      hint,
    });
  }
}
