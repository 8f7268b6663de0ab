/**
 * Which columns of a Parquet file are flat, and read by pages/: one value or NULL a row, in encodings
 * and codecs that are known there. Owns that choice; it is made for each row group, because files
 * change their encodings where a dictionary becomes too large.
 */
import type { ColumnMetaData, SchemaElement, SchemaTree } from 'hyparquet';
import type { StoredType } from './pages/cell-sinks.js';
import { knowsCodec } from './pages/page-bytes.js';
import { FLAT_ENCODINGS } from './pages/page-values.js';
import type { ValueForm } from './pages/page-values.js';

export interface FlatForm {
  readonly stored: StoredType;
  readonly form: ValueForm;
  readonly isOptional: boolean;
}

const TEXT_BYTES_MAX = 1 << 20;

/** null: the column is nested, or of a type that is rare. */
export function flatForm({ element, children }: SchemaTree): FlatForm | null {
  if (children.length > 0 || element.repetition_type === 'REPEATED') return null;
  const found = valueForm(element);
  return found === null ? null : { ...found, isOptional: element.repetition_type === 'OPTIONAL' };
}

/** Whether all pages of a column in a row group can be read. */
export function isReadable({ codec, encodings }: ColumnMetaData): boolean {
  return knowsCodec(codec) && encodings.every((encoding) => FLAT_ENCODINGS.has(encoding));
}

function valueForm({
  type,
  type_length: length = 0,
}: SchemaElement): Pick<FlatForm, 'stored' | 'form'> | null {
  switch (type) {
    case 'BOOLEAN':
      return { stored: type, form: { kind: 'bits', width: 0 } };
    case 'INT32':
    case 'FLOAT':
      return { stored: type, form: { kind: 'numbers', width: 4 } };
    case 'INT64':
    case 'DOUBLE':
      return { stored: type, form: { kind: 'numbers', width: 8 } };
    case 'BYTE_ARRAY':
      return { stored: type, form: { kind: 'texts', width: 0 } };
    case 'FIXED_LEN_BYTE_ARRAY':
      if (length <= 0 || length > TEXT_BYTES_MAX) return null;
      return { stored: type, form: { kind: 'texts', width: length } };
    default:
      return null;
  }
}
