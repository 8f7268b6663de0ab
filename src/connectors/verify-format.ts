/**
 * Whether a format can hold the columns that a query uses, and a given schema be read: what its
 * decoder says when it is made. Owns only the way from there to the option at fault.
 */
import { ConfigError } from '../base/errors.js';
import type { OptionFault } from '../plan/connector-facts.js';
import type { TableDefinition } from '../plan/schema.js';

/** `make` makes the decoder. */
export async function decoderFaults(
  { options }: TableDefinition,
  make: () => unknown,
): Promise<OptionFault[]> {
  try {
    await make();
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const names = Object.keys(options);
    const key =
      names.find((name) => /\.schema(?:-file)?$/.test(name)) ??
      names.find((name) => name === 'value.format' || name === 'format') ??
      null;
    const { message, detail, hint } = error;
    const text = detail === undefined ? message : `${message}: ${detail}`;
    return [
      { key, part: 'value', message: text, hint: hint ?? 'change the schema or the columns' },
    ];
  }
}
