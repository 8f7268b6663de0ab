/**
 * Sources and sinks that are named by an address: the options that an address spells out are
 * checked here, and the schemas of quoted sources are learnt from their first records. Owns where
 * in the text a fault lies; what an address means is its connector's.
 */
import { SqlError, SqlFaults } from '../base/errors.js';
import type { SourceText } from '../base/errors.js';
import { redact } from '../base/redact.js';
import type { Span } from '../base/span.js';
import type { InferenceRemark } from '../connectors/connector.js';
import { addressed, checkAddress, inferQuotedSource } from '../connectors/registry.js';
import type { QuotedSchema } from '../connectors/registry.js';
import type { OptionFault, TableUse } from '../plan/connector-facts.js';
import { quotedSources } from '../plan/planner.js';
import type { Script } from '../sql/ast.js';

export interface AddressContext {
  readonly source: SourceText;
  /** The faults so far; those of addresses are added. */
  readonly faults: SqlError[];
  /** Whether the network may be asked. */
  readonly resolve: boolean;
  /** What was found out in a way that is worth a line. */
  readonly remark: (remark: InferenceRemark) => void;
}

type Schemas = Map<string, QuotedSchema | 'unresolved'>;

/** Reads at most 1,000 records of each `FROM '…'`; a source that cannot be read is a fault. */
export async function resolveQuotedSources(
  script: Script,
  { source, faults, resolve, remark }: AddressContext,
): Promise<Schemas> {
  const schemas: Schemas = new Map();
  for (const { uri, span } of quotedSources(script)) {
    const isKnown = schemas.has(uri);
    // What a variable stands for is not for everybody to see.
    const isOpen = resolve || !/\$\{[A-Za-z_]/.test(uri);
    const found = isOpen ? checkAddress(uri, 'read') : [];
    for (const fault of found) {
      if (fault.isWarning !== true) faults.push(addressFault(source, { uri, span }, fault));
    }
    if (isKnown) continue;
    if (!isOpen || found.length > 0 || (!resolve && addressed(uri).isRemote)) {
      schemas.set(uri, 'unresolved');
      continue;
    }
    try {
      const schema = await inferQuotedSource(uri);
      if (schema.remark !== null) remark(schema.remark);
      schemas.set(uri, schema);
    } catch (error) {
      if (faults.length > 0) throw new SqlFaults(faults);
      if (error instanceof SqlError) throw new SqlFaults([error]);
      throw Object.assign(error as Error, { span, source });
    }
  }
  return schemas;
}

/** The fault of an option that an address spells out, at the option. */
function addressFault(
  source: SourceText,
  { uri, span }: { readonly uri: string; readonly span: Span },
  { key, part, message, hint }: OptionFault,
): SqlError {
  const literal = source.text.slice(span.start, span.end);
  const query = literal.indexOf('?');
  const spans = [...literal.matchAll(/[?&]([^=&']*)(?:=([^&']*))?/g)].flatMap((found) => {
    const [, name = '', value = ''] = found;
    if (found.index < query || decodeURIComponent(name) !== key) return [];
    const start = span.start + found.index + 1;
    if (part === 'key') return [{ start, end: start + name.length }];
    return [{ start: start + name.length + 1, end: start + name.length + 1 + value.length }];
  });
  const at = spans.at(-1) ?? { start: span.start, end: span.end };
  const place = `"${redact(uri)}"`;
  const text = message.replace(`table "${uri}"`, place);
  return new SqlError('SETTING_INVALID', { message: text, hint, source, span: at });
}

/** Faults of an address that a flag gives: `--source trades=kafka://…`. */
export function flagAddressFaults(flag: string, uri: string, use: TableUse): readonly SqlError[] {
  return checkAddress(uri, use)
    .filter(({ isWarning }) => isWarning !== true)
    .map(({ message, hint }) => {
      const text = message.replace(`table "${uri}"`, `"${redact(uri)}"`);
      return new SqlError('FLAG_INVALID', { message: `${flag}: ${text}`, hint });
    });
}
