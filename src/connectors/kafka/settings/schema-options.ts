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
import { avroSchemaText } from '../../../formats/avro/avro-table-schema.js';
import type { MessageFormat } from '../../../formats/decoder-registry.js';
import type { SchemaDefinition, SchemaSettings } from '../../../formats/message/wire-schema.js';
import type { TableDefinition } from '../../../plan/schema.js';
import { hasSchemaOptions, isConnectionOption } from './schema-option-types.js';
import type { RecordPart } from './schema-option-types.js';
import type { TopicReader } from './topic-schema.js';

/** A registry as a table's options describe it. */
export interface RegistryEndpoint {
  /** What messages call its table: `table "orders"`. */
  readonly label: string;
  /** Addresses without credentials and without a slash at the end; at least one. */
  readonly urls: readonly string[];
  /** Value of the Authorization header. */
  readonly authorization: string | null;
  readonly tls: RegistryTls;
  /** How long the registry may be away before reading or writing fails. */
  readonly timeoutMs: number;
}

/** PEM texts, as node:tls takes them. */
export interface RegistryTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
}

export interface SchemaOptions extends SchemaSettings {
  /** null: the format asks no registry. */
  readonly registry: RegistryEndpoint | null;
}

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

/** null for formats without schemas. Reads schema files; faults are the reader's. */
export function schemaOptions(
  table: TableDefinition,
  format: MessageFormat,
  reader: TopicReader,
  part: RecordPart = 'value',
): SchemaOptions | null {
  if (!hasSchemaOptions(format)) return null;
  const values = new FormatOptions(reader, format, part);
  return {
    definition: givenSchema(values, format) ?? presetSchema(values, table, format),
    message: values.text('message-class-name'),
    readDefaults: values.get('read-default-values') === true,
    registry: asksRegistry(format) ? registryEndpoint(values) : null,
  };
}

/** The same for writing. */
export function schemaWriteOptions(
  table: TableDefinition,
  format: MessageFormat,
  part: RecordPart,
  reader: TopicReader,
): SchemaWriteOptions | null {
  if (!hasSchemaOptions(format)) return null;
  const values = new FormatOptions(reader, format, part);
  const definition = givenSchema(values, format);
  const registers = values.get('auto-register') !== false;
  if (definition !== null && !registers) {
    reader.whenUsed('written', () => {
      values.fault(
        'auto-register',
        `${values.label} gives a schema of format "${format}" that is not to be registered`,
        "without 'auto-register' the subject's latest schema is written with: give no other",
      );
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
  const bytes = file === null ? null : values.file('schema-file', file);
  if (file !== null && bytes !== null) {
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
  if (format === 'protobuf') values.missing('schema-file', 'the path of a .proto file');
  if (format !== 'avro') return null;
  return { language: 'avro', text: avroSchemaText(table.physical), references: [] };
}

/** Without an address, which is a fault, one that nobody asks. */
function registryEndpoint(values: FormatOptions): RegistryEndpoint {
  const texts = (values.get('url') ?? values.get('schema-registry.url')) as
    readonly string[] | undefined;
  if (texts === undefined && values.text('url') === null) {
    values.missing('url', "an address, such as 'http://localhost:8081'");
  }
  let inUrl: string | null = null;
  const urls = (texts ?? []).map((each) => {
    const url = new URL(each);
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
    timeoutMs: (values.get('timeout') as number | undefined) ?? REGISTRY_TIMEOUT_MS,
  };
}

function authorization(values: FormatOptions, inUrl: string | null): string | null {
  const token = values.text('bearer-auth.token');
  if (token !== null) return `Bearer ${token}`;
  const source = values.get('basic-auth.credentials-source');
  const info = source === 'URL' ? inUrl : (values.text('basic-auth.user-info') ?? inUrl);
  if (info !== null) return `Basic ${Buffer.from(info).toString('base64')}`;
  if (source !== undefined) values.missing('basic-auth.user-info', "'user:password'");
  return null;
}

function registryTls(values: FormatOptions): RegistryTls {
  const pem = (name: string): string | null => {
    const path = values.text(name);
    return path === null ? null : (values.file(name, path)?.toString('utf8') ?? null);
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

/** The options of one format of one part of a record, whatever stands in front of their names. */
class FormatOptions {
  readonly label: string;
  private readonly reader: TopicReader;
  private readonly format: string;
  private readonly part: RecordPart;

  constructor(reader: TopicReader, format: string, part: RecordPart) {
    this.label = reader.label;
    this.reader = reader;
    this.format = format;
    this.part = part;
  }

  /** The option as the table spells it; null: it has none. */
  private written(name: string): string | null {
    const { reader, format, part } = this;
    const isShared = part === 'value' || isConnectionOption(name);
    const shared = isShared ? [`value.${format}.${name}`, `${format}.${name}`] : [];
    const names = [`${part}.${format}.${name}`, ...shared];
    return names.find((each) => reader.written(each) !== undefined) ?? null;
  }

  get(name: string): unknown {
    const written = this.written(name);
    return written === null ? undefined : this.reader.made(written);
  }

  text(name: string): string | null {
    const written = this.written(name);
    const value = written === null ? undefined : this.reader.written(written);
    return value === undefined || value === '' ? null : value;
  }

  /** null: it cannot be read, which is a fault. */
  file(name: string, path: string): Buffer | null {
    try {
      return readFileSync(path);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      this.reader.invalid(this.written(name) ?? name, `the file cannot be read: ${code}`);
      return null;
    }
  }

  missing(name: string, what: string): void {
    const option = `${this.format}.${name}`;
    this.reader.fault({
      key: null,
      part: 'key',
      message: `${this.label} with format "${this.format}" lacks the option "${option}"`,
      hint: `add '${option}' with ${what}`,
    });
  }

  fault(name: string, message: string, hint: string): void {
    this.reader.fault({ key: this.written(name), part: 'value', message, hint });
  }
}
