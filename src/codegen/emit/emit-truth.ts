/**
 * Truth of a value in a kernel: a BOOLEAN fragment, and the tests for TRUE and for FALSE, which NULL
 * is neither of. What decides between operands is emit-logic.
 */
import { code } from '../../base/js-code.js';
import type { Code } from '../../base/js-code.js';
import { BOOLEAN } from '../../columnar/types.js';
import type { BooleanValue, Emitted } from './emitted.js';

export function booleanValue(fragment: Code, isNull: Code | null = null): BooleanValue {
  return { form: 'boolean', type: BOOLEAN, isNull, code: fragment };
}

/** True for TRUE only. */
export function isTrue(value: Emitted): Code {
  const fragment = value.form === 'boolean' ? value.code : code`false`;
  if (value.isNull === null) return fragment;
  return value.isNull.text === 'true' ? code`false` : code`(!${value.isNull} && ${fragment})`;
}

/** True for FALSE only. */
export function isFalse(value: Emitted): Code {
  const fragment = value.form === 'boolean' ? value.code : code`true`;
  if (value.isNull === null) return code`!${fragment}`;
  return value.isNull.text === 'true' ? code`false` : code`(!${value.isNull} && !${fragment})`;
}
