/**
 * Long chains of operators, `a + b + c …` and `x::T::U …`: one step after the other, over the value
 * so far. Called by emit-expression; a step is emitted as the call or the cast that it is.
 */
import type { BoundChain, BoundExpression } from '../../plan/expression/expression.js';
import { emitCallOver } from './emit-call.js';
import { emitCast } from './emit-cast.js';
import type { Emitted } from './emitted.js';
import type { KernelEmitter } from './kernel-emitter.js';

/** Steps of a chain whose code may be one nested fragment. */
const STEPS_PER_NAME = 16;

export function emitChain(e: KernelEmitter, { first, steps, span }: BoundChain): Emitted {
  let value = e.emit(first);
  let soFar: BoundExpression = first;
  for (const [at, step] of steps.entries()) {
    if (step.kind === 'call') {
      const args = step.args.map((arg) => e.emit(arg));
      value = emitCallOver(e, { ...step, args: [soFar, ...step.args], span }, [value, ...args]);
    } else value = emitCast(e, { ...step, operand: soFar, span }, value);
    soFar = { kind: 'column', index: -1, name: 'chain', type: step.type, span };
    if (at % STEPS_PER_NAME === STEPS_PER_NAME - 1) value = e.bound(value, 'chain');
  }
  return value;
}
