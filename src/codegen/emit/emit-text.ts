/**
 * Text values: the string, the bytes or the pool code of a text, whichever a consumer can use,
 * from wherever the text is. Owns concatenation; comparisons are emit-compare, look-up tables by
 * code are emit-memo, everything else about text goes through the function registry.
 */
import { code, joined, quoted } from '../../base/js-code.js';
import type { Code } from '../../base/js-code.js';
import { decodeText } from '../../columnar/text-bytes.js';
import type { SqlType } from '../../columnar/types.js';
import { VARCHAR } from '../../columnar/types.js';
import { TEXT_SIZE_MAX, textSizeText } from '../../functions/text.js';
import type { TextSource, TextValue } from './emitted.js';
import type { KernelEmitter } from './kernel-emitter.js';

const encoder = new TextEncoder();

export function textValue(
  source: TextSource,
  isNull: Code | null,
  type: SqlType = VARCHAR,
): TextValue {
  return { form: 'text', type, isNull, source };
}

/** The text as a JavaScript string. */
export function stringOf(e: KernelEmitter, value: TextValue): Code {
  const { source } = value;
  switch (source.kind) {
    case 'constant':
      return quoted(source.text);
    case 'dict':
      return code`${e.input(source.column, 'dictionary')}.text(${codesAt(e, source.column)})`;
    case 'utf8':
      return code`${e.constant('decodeText', decodeText)}(${utf8At(e, source.column)})`;
    case 'pool':
      return code`${poolOf(e)}.text(${source.code})`;
    case 'string':
      return source.code;
  }
}

/** `bytes, start, length` of the text, for functions over bytes; undefined for a string. */
export function bytesOf(e: KernelEmitter, value: TextValue): Code | undefined {
  const { source } = value;
  switch (source.kind) {
    case 'constant': {
      const bytes = encoder.encode(source.text);
      return code`${e.constant('literal_bytes', bytes)}, 0, ${bytes.length}`;
    }
    case 'dict':
      return entryBytes(e.input(source.column, 'dictionary'), codesAt(e, source.column));
    case 'utf8':
      return utf8At(e, source.column);
    case 'pool':
      return entryBytes(poolOf(e), source.code);
    case 'string':
      return undefined;
  }
}

function entryBytes(dictionary: Code, entry: Code): Code {
  return joined(
    [
      code`${dictionary}.bytes`,
      code`${dictionary}.offsets[${entry}]`,
      code`${dictionary}.lengths[${entry}]`,
    ],
    ', ',
  );
}

function utf8At(e: KernelEmitter, column: number): Code {
  const bytes = e.input(column, 'bytes');
  const offsets = e.input(column, 'offsets');
  const lengths = e.input(column, 'lengths');
  return code`${bytes}, ${offsets}[row], ${lengths}[row]`;
}

/** The code of a dict column at the row. */
export function codesAt(e: KernelEmitter, column: number): Code {
  return code`${e.input(column, 'codes')}[row]`;
}

export function poolOf(e: KernelEmitter): Code {
  return e.constant('pool', e.runtime.pool);
}

/** The pool code of the text; undefined when it would have to be interned per row. */
export function poolCodeOf(e: KernelEmitter, value: TextValue): Code | undefined {
  if (value.source.kind === 'pool') return value.source.code;
  if (value.source.kind !== 'constant') return undefined;
  return code`${e.runtime.pool.internText(value.source.text)}`;
}

const PIECE_PARTS = 16;

/** The texts in a row; CONCAT skips NULLs, for `||` the caller has excluded them. */
export function concatenated(
  e: KernelEmitter,
  values: readonly TextValue[],
  name: string,
): TextValue {
  const parts = values
    .filter((value) => value.isNull?.text !== 'true')
    .map((value) => {
      const text = stringOf(e, value);
      return value.isNull === null ? text : code`(${value.isNull} ? '' : ${text})`;
    });
  if (parts.length === 0) return textValue({ kind: 'constant', text: '' }, null);
  let text = code`''`;
  // Pieces of a few texts: all of them at once may be more than the engine can hold.
  for (let from = 0; from < parts.length; from += PIECE_PARTS) {
    const piece = parts.slice(from, from + PIECE_PARTS);
    text = e.temp('joined', code`${joined(from === 0 ? piece : [text, ...piece], ' + ')}`);
    e.failWhen(code`${text}.length > ${TEXT_SIZE_MAX}`, 'VALUE_INVALID', textSizeText(name));
  }
  return textValue({ kind: 'string', code: text }, null);
}
