/**
 * What the kernels of one calc share over all their variants and batches: the pool (a dictionary
 * for computed texts), failure sites, call sites and memo tables. Owns how a function without an
 * inline form is called: arguments as SqlValues, a DataFault caught and kept for the row.
 */
import type { ErrorKey } from '../../base/error-codes.js';
import { Dictionary } from '../../columnar/dictionary.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';
import { castValue } from '../../functions/cast.js';
import { DataFault } from '../../functions/registry-types.js';
import type { EvaluationContext, ScalarFunction } from '../../functions/registry-types.js';
import type { BoundExpression } from '../../plan/expression/expression.js';
import { MemoSite } from './memo-site.js';
import type { KernelFailure } from './memo-site.js';

/** In `failAt`: the failure is in `dynamicFailures`, because its message depends on the row. */
export const DYNAMIC_FAILURE = 1;

const FIRST_STATIC_SITE = 2;

/** Evaluates one function for one row at a time; `failure` says why the last call failed. */
export class CallSite {
  failure: KernelFailure | null = null;
  private readonly compute: (args: readonly SqlValue[]) => SqlValue;

  constructor(compute: (args: readonly SqlValue[]) => SqlValue) {
    this.compute = compute;
  }

  /** The value, or undefined when the row fails. */
  run(args: readonly SqlValue[]): SqlValue | undefined {
    try {
      return this.compute(args);
    } catch (error) {
      if (!(error instanceof DataFault)) throw error;
      this.failure = { key: error.key, message: error.message };
      return undefined;
    }
  }
}

export class CalcRuntime {
  /** NOW() and its kind: set before each batch. */
  readonly context: { nowMs: number } & EvaluationContext = { nowMs: 0 };
  /** Texts that kernels compute by code; code 0 is '', so that it is always a valid code. */
  readonly pool = new Dictionary();
  private readonly failures: KernelFailure[] = [];
  private readonly sitesByText = new Map<string, number>();
  private readonly memos = new Map<string, MemoSite>();
  private exhaustedCount = 0;

  constructor() {
    this.pool.internText('');
  }

  /** The number of a failure whose message is the same for every row. */
  failureSite(key: ErrorKey, message: string): number {
    const text = `${key} ${message}`;
    const known = this.sitesByText.get(text);
    if (known !== undefined) return known;
    const site = FIRST_STATIC_SITE + this.failures.length;
    this.failures.push({ key, message });
    this.sitesByText.set(text, site);
    return site;
  }

  failureAt(site: number): KernelFailure {
    const failure = this.failures[site - FIRST_STATIC_SITE];
    return failure ?? { key: 'VALUE_INVALID', message: 'the record failed' };
  }

  functionSite(fn: ScalarFunction, types: readonly SqlType[], type: SqlType): CallSite {
    const { context } = this;
    return new CallSite((args) => fn.evaluate(args, types, type, context));
  }

  /** CAST, or TRY_CAST when `safe`. */
  castSite(from: SqlType, to: SqlType, safe: boolean): CallSite {
    if (!safe) return new CallSite(([value = null]) => castValue(value, from, to));
    return new CallSite(([value = null]) => {
      try {
        return castValue(value, from, to);
      } catch (error) {
        if (error instanceof DataFault) return null;
        throw error;
      }
    });
  }

  /** Whether a memo has become exhausted since the last time this was asked. */
  takeExhausted(): boolean {
    let count = 0;
    for (const memo of this.memos.values()) count += memo.exhausted ? 1 : 0;
    const isNew = count > this.exhaustedCount;
    this.exhaustedCount = count;
    return isNew;
  }

  /** The memo table of an expression; `key` names it over all kernel variants. */
  memo(key: string, expression: BoundExpression, compute: (input: SqlValue) => SqlValue): MemoSite {
    const known = this.memos.get(key);
    if (known !== undefined) return known;
    const memo = new MemoSite(expression.type, compute, this.pool);
    this.memos.set(key, memo);
    return memo;
  }
}
