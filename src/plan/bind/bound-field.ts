/** Fields of ROW values: `row.name`, of a column or of what is computed, as its type spells the name. */
import type { Span } from '../../base/span.js';
import { VARCHAR, typeText } from '../../columnar/types.js';
import type { SqlType } from '../../columnar/types.js';
import type { Identifier } from '../../sql/ast.js';
import type { BoundExpression } from '../expression/expression.js';
import { didYouMean } from '../faults.js';
import type { FaultCollector } from '../faults.js';
import { bindFunction, literal } from './bound-values.js';

export function boundField(
  faults: FaultCollector,
  row: BoundExpression,
  field: Identifier,
  span: Span,
): BoundExpression {
  const name = literal(declaredField(faults, row.type, field), VARCHAR, span);
  return bindFunction(faults, 'FIELD', [row, name], span);
}

/** The field's name as its type spells it. */
function declaredField(faults: FaultCollector, type: SqlType, field: Identifier): string {
  if (type.kind !== 'row') {
    return faults.fail('TYPE_MISMATCH', {
      message: `"${field.name}" is no field: ${typeText(type)} is no ROW`,
      span: field.span,
    });
  }
  const wanted = field.name.toLowerCase();
  const found = type.fields.find(({ name }) =>
    field.quoted ? name === field.name : name.toLowerCase() === wanted,
  );
  if (found !== undefined) return found.name;
  return faults.fail('COLUMN_NOT_FOUND', {
    message: `field "${field.name}" does not exist in ${typeText(type)}`,
    span: field.span,
    hint: didYouMean(
      field.name,
      type.fields.map(({ name }) => name),
    ),
  });
}
