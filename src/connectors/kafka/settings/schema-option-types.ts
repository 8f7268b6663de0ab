/**
 * Which options the formats with schemas have, under Flink's names where Flink has them, and the
 * zod type of each. An option may have 'value.' in front, as in Flink; those of a written key have
 * 'key.'. What they are for is schema-options.ts.
 */
import type { OptionShape } from '../../option-reader.js';
import { choice, custom, duration, flag, only, text } from '../../option-types.js';

/** Formats have options for either part of a record. */
export type RecordPart = 'key' | 'value';

const FILE = text('the path of a file');

/** One address, or several with commas. */
const addresses = custom((value) => {
  const urls = value.split(',').map((each) => each.trim());
  const valid = urls.every((url) => /^https?:\/\//.test(url) && URL.canParse(url));
  return valid ? urls : undefined;
}, "write an address, such as 'http://localhost:8081'");

/** Of a registry and the way to it: a key's are the value's where it has none of its own. */
const CONNECTION_TYPES = {
  url: addresses,
  'schema-registry.url': addresses,
  'basic-auth.credentials-source': choice(['USER_INFO', 'URL']),
  'basic-auth.user-info': text("'user:password'"),
  'bearer-auth.credentials-source': only('STATIC_TOKEN', 'the token is an option'),
  'bearer-auth.token': text('the token'),
  'ssl.ca.location': FILE,
  'ssl.certificate.location': FILE,
  'ssl.key.location': FILE,
  'ssl.key.password': text('the password'),
  timeout: duration(),
} satisfies OptionShape;
const REGISTRY_TYPES = {
  ...CONNECTION_TYPES,
  subject: text('a subject'),
  'auto-register': flag(),
} satisfies OptionShape;
const SCHEMA_TYPES = { schema: text('a schema'), 'schema-file': FILE } satisfies OptionShape;
const PROTOBUF_TYPES = {
  'message-class-name': text("a message, such as 'shop.Order'"),
  'read-default-values': flag(),
  'ignore-parse-errors': only('false', 'bad records follow --on-error'),
} satisfies OptionShape;
const AVRO_TYPES = { ...SCHEMA_TYPES, encoding: only('binary', 'others are not read') };

const TYPES: Readonly<Record<string, OptionShape>> = {
  avro: AVRO_TYPES,
  'avro-confluent': { ...REGISTRY_TYPES, ...SCHEMA_TYPES },
  protobuf: { ...SCHEMA_TYPES, ...PROTOBUF_TYPES },
  'protobuf-confluent': { ...REGISTRY_TYPES, ...SCHEMA_TYPES, ...PROTOBUF_TYPES },
};

export function isConnectionOption(name: string): boolean {
  return Object.hasOwn(CONNECTION_TYPES, name);
}

export function hasSchemaOptions(format: string): boolean {
  return Object.hasOwn(TYPES, format);
}

/** A format's options as a table may spell them; none for formats without schemas. */
export function schemaOptionTypes(format: string, part: RecordPart): OptionShape {
  const own = hasSchemaOptions(format) ? Object.entries(TYPES[format] ?? {}) : [];
  const starts = part === 'key' ? ['key.'] : ['', 'value.'];
  return Object.fromEntries(
    starts.flatMap((start) => own.map(([name, type]) => [`${start}${format}.${name}`, type])),
  );
}
