/**
 * Which decoder reads which format. Owns only that choice and the options that formats have.
 */
import { assertNever } from '../base/assert.js';
import type { DecoderColumn, RecordDecoder } from './decoder.js';
import { createJsonDecoder } from './json.js';

export type InputFormat = 'json' | 'csv' | 'raw';
export const INPUT_FORMATS: readonly InputFormat[] = ['json', 'csv', 'raw'];

export function createDecoder(
  format: InputFormat,
  columns: readonly DecoderColumn[],
): RecordDecoder {
  switch (format) {
    case 'json':
      return createJsonDecoder(columns);
    case 'csv':
    case 'raw':
      return createJsonDecoder(columns);
    default:
      return assertNever(format);
  }
}
