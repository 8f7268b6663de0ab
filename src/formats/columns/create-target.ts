/**
 * Which target column holds which SQL type. Owns only that choice; see target.ts.
 */
import { assertNever } from '../../base/assert.js';
import type { SqlType } from '../../columnar/types.js';
import type { TargetColumn } from './target.js';
import { ExactTarget } from './target-exact.js';
import {
  BooleanTarget,
  DateTarget,
  DoubleTarget,
  NestedTarget,
  TimestampTarget,
} from './target-plain.js';
import { TextTarget } from './target-text.js';

/** The target for `rows` values of `type`; nested types give a NestedTarget. */
export function createTarget(type: SqlType, rows: number): TargetColumn {
  switch (type.kind) {
    case 'bigint':
    case 'decimal':
      return new ExactTarget(type, rows);
    case 'double':
      return new DoubleTarget(type, rows);
    case 'varchar':
    case 'null':
      return new TextTarget(type, rows);
    case 'boolean':
      return new BooleanTarget(type, rows);
    case 'timestamp':
    case 'interval':
      return new TimestampTarget(type, rows);
    case 'date':
      return new DateTarget(type, rows);
    case 'array':
    case 'map':
    case 'row':
      return new NestedTarget(type, rows);
    default:
      return assertNever(type);
  }
}
