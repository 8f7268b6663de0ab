/**
 * Opens the encoder of a table whose records have a schema: the one that the table gives or that its
 * columns make, registered under its subject, or the subject's latest. Owns this choice, made once
 * for a job; asking is schema-registry.ts, encoding is formats/message-encoder.ts.
 */
import { ConfigError, ConnectorError } from '../../../base/errors.js';
import { definitionOf, openMessageEncoder } from '../../../formats/message-encoder.js';
import type { MessageEncoder } from '../../../formats/message-encoder.js';
import type { SchemaDefinition, WriterSchema } from '../../../formats/message/wire-schema.js';
import type { Schema } from '../../../plan/schema.js';
import type { RegistryEndpoint } from '../settings/schema-options.js';
import type { SchemaWriteOptions } from '../settings/schema-options.js';
import { SchemaRegistry } from './schema-registry.js';
import type { RegistryTalk } from './schema-registry.js';

/**
 * For rows with these columns. Throws ConfigError SETTING_INVALID for columns that do not fit the
 * schema, ConnectorError SCHEMA_REGISTRY when the registry stays away longer than the table allows,
 * SCHEMA_REGISTRY_REFUSED when it does not take the schema or has none.
 */
export async function openSchemaEncoder(
  options: SchemaWriteOptions,
  columns: Schema,
  talk: RegistryTalk,
): Promise<MessageEncoder> {
  const { label, language, message, registry, registers } = options;
  if (registry !== null && !registers) {
    const latest = await askRegistry(registry, talk, (client) => client.latest(options.subject));
    if (latest === null) throw noSchema(options, registry);
    const definition = checkedDefinition(latest, options);
    return openMessageEncoder(columns, { definition, message, schemaId: latest.id }, label);
  }
  const definition = options.definition ?? definitionOf(columns, language);
  const bare = await openMessageEncoder(columns, { definition, message, schemaId: null }, label);
  if (registry === null) return bare;
  // A schema that the columns do not fit is not registered: it was opened before.
  const schemaId = await askRegistry(registry, talk, (client) =>
    client.register(options.subject, definition),
  );
  return openMessageEncoder(columns, { definition, message, schemaId }, label);
}

async function askRegistry<Answer>(
  endpoint: RegistryEndpoint,
  talk: RegistryTalk,
  ask: (client: SchemaRegistry) => Promise<Answer>,
): Promise<Answer> {
  const client = new SchemaRegistry(endpoint, talk);
  try {
    return await ask(client);
  } finally {
    client.close();
  }
}

function checkedDefinition(
  { definition }: WriterSchema,
  { label, subject, language }: SchemaWriteOptions,
): SchemaDefinition {
  if (definition?.language === language) return definition;
  const found = definition?.language ?? 'unknown';
  throw new ConfigError('SETTING_INVALID', {
    message: `${label} writes ${language}, and the schema of subject "${subject}" is ${found}`,
    hint: "choose the format of the subject's schema, or another 'subject'",
  });
}

function noSchema({ label, subject }: SchemaWriteOptions, { urls }: RegistryEndpoint): Error {
  return new ConnectorError('SCHEMA_REGISTRY_REFUSED', {
    message: `schema registry ${urls.join(', ')} of ${label} has no schema of subject "${subject}"`,
    hint: "register one, or leave out 'auto-register' = 'false'",
  });
}
