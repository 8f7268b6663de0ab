/**
 * Programmer errors. `assert` stops the process on a broken invariant; it is never used for what
 * a user, a record or the outside world got wrong (that is errors.ts).
 */

export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}

/** Throws when `condition` is false. `why` says why the condition must hold. */
export function assert(condition: unknown, why: string): asserts condition {
  if (!condition) throw new AssertionFailure(`invariant broken: ${why}`);
}

/** Closes an exhaustive switch: a new variant becomes a type error here. */
export function assertNever(value: never): never {
  throw new AssertionFailure(`unreachable variant ${JSON.stringify(value)}`);
}
