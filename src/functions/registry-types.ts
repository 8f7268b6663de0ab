/**
 * What an entry of the function registry is. Owns the interfaces of scalar, aggregate and window
 * functions; the entries are in the files beside it, look-up is function-registry.ts.
 */
import type { ErrorKey } from '../base/error-codes.js';
import type { SqlType, SqlValue } from '../columnar/types.js';

/** What a data error is inside an evaluation, before anybody knows the record. */
export class DataFault extends Error {
  override readonly name = 'DataFault';
  readonly key: ErrorKey;
  constructor(key: ErrorKey, message: string) {
    super(message);
    this.key = key;
  }
}

/** A literal argument's value when it is known at binding, else undefined. */
export interface ArgumentInfo {
  readonly type: SqlType;
  readonly literal: SqlValue | undefined;
}

/** Why a call does not fit; the binder adds the span of that argument, or of the call. */
export interface SignatureFault {
  readonly key: ErrorKey;
  readonly message: string;
  readonly hint?: string | undefined;
  /** Index of the argument at fault; undefined means the call as a whole. */
  readonly argument?: number | undefined;
  /** The conversion of one argument that would make the call right: it becomes the hint. */
  readonly cast?: { readonly argument: number; readonly type: SqlType } | undefined;
}

export interface ResolvedSignature {
  readonly type: SqlType;
  /** Types that the binder casts the arguments to, one per argument. */
  readonly argTypes: readonly SqlType[];
}

export interface EvaluationContext {
  /** NOW(): when the record's block was read, ms since the epoch. */
  readonly nowMs: number;
}

export interface ScalarFunction {
  /** Upper case, or an operator's sign; the registry id that BoundCall.function holds. */
  readonly name: string;
  readonly aliases?: readonly string[];
  /** [fewest, most] arguments. */
  readonly arity: readonly [number, number];
  /** How many leading arguments the binder adds (record headers); messages do not count them. */
  readonly suppliedArgs?: number;
  /** 'null' : any NULL argument gives NULL without evaluating. 'own': evaluate sees NULLs. */
  readonly nulls: 'null' | 'own';
  /** False for NOW(): not folded, not memoised. Default true. */
  readonly pure?: boolean;
  /**
   * Whether a call of these arguments may throw a DataFault for some row; absent: any call may. What
   * cannot fail may be computed earlier, or more often, than SQL's rule of what is reached allows.
   */
  readonly mayFail?: (args: readonly ArgumentInfo[], type: SqlType) => boolean;
  /** Arguments become one type because they stand together: no digit of them may be lost. */
  readonly unifies?: boolean;
  readonly resolve: (args: readonly ArgumentInfo[]) => ResolvedSignature | SignatureFault;
  /** The value for one row; throws DataFault. `types` are the argument types, `type` the result's. */
  readonly evaluate: (
    args: readonly SqlValue[],
    types: readonly SqlType[],
    type: SqlType,
    context: EvaluationContext,
  ) => SqlValue;
  /** One sentence for whoever reads the signature. */
  readonly about: string;
}

/** Names the accumulators know (state/accumulators). */
export interface AggregateFunction {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly arity: readonly [number, number];
  readonly resolve: (args: readonly ArgumentInfo[]) => ResolvedSignature | SignatureFault;
  /** Trailing arguments that must be literals (a separator, a fraction): their first index. */
  readonly literalArgsFrom?: number;
  /** Whether a −row can be taken back out. */
  readonly retractable: boolean;
  /** Whether partial results of shards merge without their rows' order. */
  readonly mergeable: boolean;
  readonly orderSensitive: boolean;
  readonly about: string;
}

/** ROW_NUMBER, RANK, LAG …; aggregates are window functions too. */
export interface WindowFunction {
  readonly name: string;
  readonly arity: readonly [number, number];
  readonly resolve: (args: readonly ArgumentInfo[]) => ResolvedSignature | SignatureFault;
  readonly about: string;
}
