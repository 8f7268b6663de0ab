/**
 * What the user is told about a record that is no JSON object. Owns the wording of the scanner's
 * fault codes; conversion faults name a column and are worded by the decoder.
 */
import {
  FAULT_CONTROL,
  FAULT_DEPTH,
  FAULT_ESCAPE,
  FAULT_NOT_OBJECT,
  FAULT_NUMBER,
  FAULT_TRAILING,
  FAULT_UTF8,
  JSON_DEPTH_MAX,
} from './json-scanner.js';

/** `offset` counts bytes of the record from 0. */
export function describeFault(fault: number, offset: number): string {
  return `record is no JSON object: ${reason(fault)} at byte ${offset + 1}`;
}

function reason(fault: number): string {
  switch (fault) {
    case FAULT_UTF8:
      return 'invalid UTF-8';
    case FAULT_CONTROL:
      return 'text without its closing quote or with a control character';
    case FAULT_ESCAPE:
      return 'invalid escape in a text';
    case FAULT_NUMBER:
      return 'invalid number';
    case FAULT_DEPTH:
      return `nested deeper than ${JSON_DEPTH_MAX} levels`;
    case FAULT_NOT_OBJECT:
      return 'expected "{"';
    case FAULT_TRAILING:
      return 'more text behind the object';
    default:
      return 'unexpected character or end of the record';
  }
}
