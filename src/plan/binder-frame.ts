/**
 * Frames of window functions: ROWS | RANGE BETWEEN … AND … → distances before and after the
 * current row. Owns what a frame's bounds may be; infinite distances are UNBOUNDED.
 */
import type { Frame, FrameBound, OverSpec } from '../sql/ast.js';
import { bindExpression } from './binder-expression.js';
import type { BindContext } from './binder-expression.js';
import type { FrameSpec } from './pipeline-plan.js';

export function bindFrame(context: BindContext, spec: OverSpec): FrameSpec | null {
  const { frame } = spec;
  if (frame === null) return null;
  const { faults } = context;
  const preceding = -positionOf(context, frame, frame.start);
  const following = positionOf(context, frame, frame.end);
  if (-preceding > following || preceding === -Infinity || following === -Infinity) {
    faults.fail('WINDOW_INVALID', {
      message: 'the frame ends before it starts',
      span: frame.span,
    });
  }
  const isDistance = (bound: number): boolean => bound !== 0 && Number.isFinite(bound);
  if (frame.unit === 'range' && (isDistance(preceding) || isDistance(following))) {
    const [key] = spec.orderBy;
    if (key === undefined || spec.orderBy.length > 1 || key.descending) {
      faults.fail('WINDOW_INVALID', {
        message: 'a RANGE frame with a distance needs ORDER BY one ascending column',
        span: frame.span,
      });
    }
  }
  return { unit: frame.unit, preceding: preceding + 0, following };
}

/** Place relative to the current row: negative before it. */
function positionOf(context: BindContext, frame: Frame, bound: FrameBound): number {
  switch (bound.kind) {
    case 'unbounded-preceding':
      return -Infinity;
    case 'unbounded-following':
      return Infinity;
    case 'current-row':
      return 0;
    case 'preceding':
      return -distanceOf(context, frame, bound);
    case 'following':
      return distanceOf(context, frame, bound);
  }
}

function distanceOf(context: BindContext, frame: Frame, bound: FrameBound): number {
  const { faults } = context;
  const offset = bound.offset === null ? null : bindExpression(context, bound.offset);
  if (offset?.kind === 'literal') {
    const { type, value } = offset;
    const isDuration = type.kind === 'interval' && type.unit === 'millisecond';
    const fits = type.kind === 'bigint' || (frame.unit === 'range' && isDuration);
    if (fits && value !== null && Number(value) >= 0) return Number(value);
  }
  return faults.fail('WINDOW_INVALID', {
    message:
      frame.unit === 'rows'
        ? 'the distance of a ROWS frame is a whole number of at least 0'
        : 'the distance of a RANGE frame is a number or an interval of at least 0',
    span: bound.span,
  });
}
