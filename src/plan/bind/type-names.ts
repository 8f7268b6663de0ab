/**
 * Types as written in SQL → SqlType. Owns the names, their aliases and the limits of their
 * parameters. What converts to what is functions/type-rules.
 */
import type { Identifier, TypeName } from '../../sql/ast.js';
import {
  BIGINT,
  BOOLEAN,
  DATE,
  DECIMAL_PRECISION_MAX,
  DOUBLE,
  TIMESTAMP,
  VARCHAR,
  decimalType,
} from '../../columnar/types.js';
import type { SqlType } from '../../columnar/types.js';
import { INTEGER_RANGES } from '../../functions/conversion.js';
import { didYouMean } from '../faults.js';
import type { FaultCollector } from '../faults.js';

const SIMPLE_TYPES: ReadonlyMap<string, SqlType> = new Map<string, SqlType>([
  ['BOOLEAN', BOOLEAN],
  ['BOOL', BOOLEAN],
  ['TINYINT', BIGINT],
  ['SMALLINT', BIGINT],
  ['INT', BIGINT],
  ['INTEGER', BIGINT],
  ['BIGINT', BIGINT],
  ['DOUBLE', DOUBLE],
  ['DOUBLE PRECISION', DOUBLE],
  ['FLOAT', DOUBLE],
  ['REAL', DOUBLE],
  ['VARCHAR', VARCHAR],
  ['CHAR', VARCHAR],
  ['STRING', VARCHAR],
  ['TEXT', VARCHAR],
  ['TIMESTAMP', TIMESTAMP],
  ['TIMESTAMP_LTZ', TIMESTAMP],
  ['DATE', DATE],
]);
const DECIMAL_NAMES = new Set(['DECIMAL', 'DEC', 'NUMERIC']);
const SHOWN_NAMES =
  'BOOLEAN, BIGINT, DOUBLE, DECIMAL(p, s), VARCHAR, TIMESTAMP(3), DATE, ARRAY, MAP, ROW';
const NESTED_NAMES = ['ARRAY', 'MAP', 'ROW'];
/** DECIMAL without parameters, as in Flink. */
const DECIMAL_DEFAULT = decimalType(10, 0);

export function resolveTypeName(faults: FaultCollector, written: TypeName): SqlType {
  const name = written.name.toUpperCase();
  const simple = SIMPLE_TYPES.get(name);
  if (simple !== undefined) return simple;
  if (DECIMAL_NAMES.has(name)) return resolveDecimal(faults, written);
  const [first, second] = written.elements;
  if (name === 'ARRAY' && first !== undefined) {
    return { kind: 'array', element: resolveTypeName(faults, first) };
  }
  if (name === 'MAP' && first !== undefined && second !== undefined) {
    return {
      kind: 'map',
      key: resolveTypeName(faults, first),
      value: resolveTypeName(faults, second),
    };
  }
  if (name === 'ROW' && written.fields.length > 0) {
    const field = ({ name: label, type }: { name: Identifier; type: TypeName }) => ({
      name: label.name,
      type: resolveTypeName(faults, type),
    });
    return { kind: 'row', fields: faults.all(written.fields, field) };
  }
  const known = [...SIMPLE_TYPES.keys(), ...DECIMAL_NAMES, ...NESTED_NAMES];
  return faults.fail('TYPE_NOT_FOUND', {
    message: `type "${written.name}" does not exist`,
    span: written.span,
    hint: didYouMean(written.name, known) ?? `types are ${SHOWN_NAMES}`,
  });
}

/** What a CAST to the written type does beyond converting: cut, pad or check the range. */
export type CastLimit =
  | { readonly kind: 'length'; readonly length: bigint; readonly pads: boolean }
  | { readonly kind: 'range'; readonly name: string };

export function castLimit(faults: FaultCollector, written: TypeName): CastLimit | null {
  const name = written.name.toUpperCase();
  if (INTEGER_RANGES.has(name)) return { kind: 'range', name };
  if (name !== 'VARCHAR' && name !== 'CHAR') return null;
  const [length = name === 'CHAR' ? 1 : undefined] = written.parameters;
  if (length === undefined) return null;
  if (Number.isSafeInteger(length) && length >= 1) {
    return { kind: 'length', length: BigInt(length), pads: name === 'CHAR' };
  }
  return faults.fail('TYPE_NOT_FOUND', {
    message: `${written.name}(${written.parameters.join(', ')}) is no type`,
    span: written.span,
    hint: 'a length is at least 1',
  });
}

function resolveDecimal(faults: FaultCollector, written: TypeName): SqlType {
  const [precision, scale = 0] = written.parameters;
  if (precision === undefined) return DECIMAL_DEFAULT;
  const fits =
    precision >= 1 && precision <= DECIMAL_PRECISION_MAX && scale >= 0 && scale <= precision;
  if (fits) return decimalType(precision, scale);
  return faults.fail('TYPE_NOT_FOUND', {
    message: `${written.name}(${written.parameters.join(', ')}) is no type`,
    span: written.span,
    hint: `precision is 1 to ${DECIMAL_PRECISION_MAX}, scale 0 to the precision`,
  });
}
