/**
 * The state of one kernel while it is generated: the loop body being written, names, hoisted
 * constants, input arrays, and the values that are already computed in the scopes around the
 * current place. Owns how a row fails (`failAt[row] = site; continue rows`) and how a narrow
 * kernel gives up (`return BAILED`). What a node of an expression becomes is emit-expression.
 */
import { assert } from '../../base/assert.js';
import type { ErrorKey } from '../../base/error-codes.js';
import { Code, CodeWriter, IDENTIFIER_LENGTH, code, identifier } from '../../base/js-code.js';
import type { CodePart } from '../../base/js-code.js';
import type { ColumnKind } from '../../columnar/column.js';
import type { SqlType } from '../../columnar/types.js';
import type { BoundExpression } from '../../plan/expression/expression.js';
import { expressionKey } from '../../plan/expression/expression-walk.js';
import type { CalcRuntime } from '../memo/calc-runtime.js';
import { DYNAMIC_FAILURE } from '../memo/calc-runtime.js';
import { either } from './emitted.js';
import type { Emitted, TextSource } from './emitted.js';

/** What a kernel returns when a narrow value left the safe integers: nothing it wrote counts. */
export const BAILED = -1;

/** An input column as one kernel variant takes it. */
export interface InputShape {
  readonly name: string;
  readonly type: SqlType;
  readonly kind: ColumnKind;
  readonly nullable: boolean;
}

export interface EmitterOptions {
  readonly mode: 'narrow' | 'wide';
  readonly inputs: readonly InputShape[];
  readonly runtime: CalcRuntime;
  /** Expressions that occur more than once, by key. */
  readonly shared: ReadonlySet<string>;
  readonly emitNode: (emitter: KernelEmitter, expression: BoundExpression) => Emitted;
}

/** Statements of a place that is reached only sometimes, and the value they lead to. */
export interface Branch {
  readonly body: CodeWriter;
  readonly value: Emitted;
}

type InputArray = 'values' | 'nulls' | 'codes' | 'dictionary' | 'bytes' | 'offsets' | 'lengths';

export class KernelEmitter {
  readonly mode: 'narrow' | 'wide';
  readonly inputs: readonly InputShape[];
  readonly runtime: CalcRuntime;
  /** The loop body at the current place. */
  body = new CodeWriter();
  /** Statements before the loop. */
  readonly prelude = new CodeWriter();
  readonly constants = new Map<unknown, Code>();
  private readonly shared: ReadonlySet<string>;
  private readonly emitNode: EmitterOptions['emitNode'];
  private readonly taken = new Map<string, number>();
  private readonly hoisted = new Map<string, Code>();
  private scopes: Map<string, Emitted>[] = [new Map()];
  /** What BoundHeld is at the current place. */
  private held: Emitted | null = null;

  constructor(options: EmitterOptions) {
    this.mode = options.mode;
    this.inputs = options.inputs;
    this.runtime = options.runtime;
    this.shared = options.shared;
    this.emitNode = options.emitNode;
    for (const name of KERNEL_NAMES) this.taken.set(name, 1);
  }

  /** The value of an expression at the current place; computed once per place it dominates. */
  emit(expression: BoundExpression): Emitted {
    if (expression.kind === 'literal') return this.emitNode(this, expression);
    const key = expressionKey(expression);
    for (const scope of this.scopes) {
      const known = scope.get(key);
      if (known !== undefined) return known;
    }
    const emitted = this.emitNode(this, expression);
    const value = this.shared.has(key) ? this.bound(emitted, wishFor(expression)) : emitted;
    this.scopes.at(-1)?.set(key, value);
    return value;
  }

  /** What `emit` gives where `value` is held: expressions over it mean nothing elsewhere. */
  holding(value: Emitted, emit: () => Emitted): Emitted {
    const { scopes, held } = this;
    this.scopes = [new Map()];
    this.held = value;
    const result = emit();
    this.scopes = scopes;
    this.held = held;
    return result;
  }

  heldValue(): Emitted {
    assert(this.held !== null, 'a held value stands below its LET');
    return this.held;
  }

  /** A name for the value of a fragment, unless it is one already. */
  temp(wish: string, fragment: Code): Code {
    if (isSimple(fragment)) return fragment;
    const name = this.unique(wish);
    this.body.line(code`const ${name} = ${fragment};`);
    return name;
  }

  variable(wish: string, initial: CodePart): Code {
    const name = this.unique(wish);
    this.body.line(code`let ${name} = ${initial};`);
    return name;
  }

  /** The value with its fragments bound to names, so that they may be used often. */
  bound<V extends Emitted>(value: V, wish: string): V {
    const isNull = value.isNull === null ? null : this.temp(`${wish}_null`, value.isNull);
    if (value.form !== 'text') return { ...value, isNull, code: this.temp(wish, value.code) };
    const { source } = value;
    const named: TextSource =
      source.kind === 'string' || source.kind === 'pool'
        ? { ...source, code: this.temp(wish, source.code) }
        : source;
    return { ...value, isNull, source: named };
  }

  /** Runs `emit` for a place that is reached only sometimes: what it binds is not seen outside. */
  branch(emit: () => Emitted): Branch {
    const outer = this.body;
    this.body = new CodeWriter();
    this.scopes.push(new Map());
    const value = emit();
    this.scopes.pop();
    const { body } = this;
    this.body = outer;
    return { body, value };
  }

  /** Runs `statements` with `branch.body` as the current place. */
  within(body: CodeWriter, statements: () => void): void {
    const outer = this.body;
    this.body = body;
    statements();
    this.body = outer;
  }

  /**
   * A value that is NULL where `nullWhen` holds and else what `emit` gives. Statements of `emit`
   * are reached only where it does not hold.
   */
  strict<V extends Emitted>(nullWhen: Code | null, wish: string, emit: () => V): V {
    if (nullWhen === null) return emit();
    let value: V | undefined;
    const { body } = this.branch(() => (value = emit()));
    assert(value !== undefined, 'a branch emits its value');
    if (body.length === 0) return { ...value, isNull: either(nullWhen, value.isNull) };
    const guard = this.temp(`${wish}_null`, nullWhen);
    const target = this.declare(value, wish);
    const inner = value;
    this.within(body, () => {
      this.assign(target, inner);
    });
    this.body
      .open(code`if (!${guard})`)
      .append(body)
      .close();
    return { ...target, isNull: either(guard, target.isNull) };
  }

  /** Variables that can hold what `value` is. */
  declare<V extends Emitted>(value: V, wish: string): V {
    const isNull = value.isNull === null ? null : this.variable(`${wish}_null`, false);
    if (value.form !== 'text')
      return { ...value, isNull, code: this.variable(wish, zeroOf(value)) };
    const { source } = value;
    if (source.kind !== 'string' && source.kind !== 'pool') return { ...value, isNull };
    const initial = source.kind === 'string' ? code`''` : 0;
    return { ...value, isNull, source: { ...source, code: this.variable(wish, initial) } };
  }

  /** Assigns `value` to variables that `declare` made for the same form. */
  assign(target: Emitted, value: Emitted): void {
    if (target.isNull !== null) {
      this.body.line(code`${target.isNull} = ${value.isNull ?? false};`);
    }
    const to = fragmentOf(target);
    const from = fragmentOf(value);
    if (to !== null && from !== null) this.body.line(code`${to} = ${from};`);
  }

  failWhen(condition: Code, key: ErrorKey, message: string): void {
    this.body.open(code`if (${condition})`);
    this.fail(this.runtime.failureSite(key, message));
    this.body.close();
  }

  /** The row fails with what `call` reported. */
  failDynamic(call: Code): void {
    this.body.line(code`dynamicFailures.set(row, ${call}.failure);`);
    this.fail(DYNAMIC_FAILURE);
  }

  fail(site: number): void {
    this.body.line(code`failAt[row] = ${site};`).line(code`failures += 1;`);
    this.body.line(code`continue rows;`);
  }

  bailWhen(condition: Code): void {
    this.body.line(code`if (${condition}) return ${BAILED};`);
  }

  /** The name of a hoisted object or function. */
  constant(wish: string, value: object): Code {
    const known = this.constants.get(value);
    if (known !== undefined) return known;
    const name = this.unique(wish);
    this.constants.set(value, name);
    return name;
  }

  /** A field of an input column, read once per batch. */
  input(column: number, field: InputArray): Code {
    const shape = this.inputs[column];
    assert(shape !== undefined, 'a column of the input schema');
    const suffix = field === 'values' ? '' : `_${field}`;
    // Read from a checked place: a column that this variant takes as nullable may come without NULLs.
    const fallback = field === 'nulls' ? code` ?? noNulls` : code``;
    return this.beforeLoop(
      `${shape.name}${suffix}`,
      code`inputs[${column}].${new Code(field)}${fallback}`,
    );
  }

  /** Both words of a wide DECIMAL column. */
  inputWord(column: number, word: 'high' | 'low'): Code {
    return this.beforeLoop(
      `${this.inputs[column]?.name ?? ''}_${word}`,
      code`inputs[${column}].${new Code(word)}`,
    );
  }

  /** A name for something computed once before the loop. */
  beforeLoop(wish: string, fragment: Code): Code {
    const known = this.hoisted.get(fragment.text);
    if (known !== undefined) return known;
    const name = this.unique(wish);
    this.hoisted.set(fragment.text, name);
    this.prelude.line(code`const ${name} = ${fragment};`);
    return name;
  }

  unique(wish: string): Code {
    const name = identifier(wish).text;
    const count = this.taken.get(name) ?? 0;
    this.taken.set(name, count + 1);
    if (count === 0) return new Code(name);
    const suffix = `_${count + 1}`;
    return this.unique(name.slice(0, IDENTIFIER_LENGTH - suffix.length) + suffix);
  }
}

/** Names and literals: fragments that cost nothing to repeat. */
export function isSimple(fragment: Code): boolean {
  return /^(?:[A-Za-z_$][\w$]*|\(?-?\d[\d.e+]*n?\)?|'')$/.test(fragment.text);
}

/** The one fragment that a value's data comes from; null for columns and constants of text. */
export function fragmentOf(value: Emitted): Code | null {
  if (value.form !== 'text') return value.code;
  const { source } = value;
  return source.kind === 'string' || source.kind === 'pool' ? source.code : null;
}

function zeroOf(value: Exclude<Emitted, { form: 'text' }>): CodePart {
  switch (value.form) {
    case 'double':
      return 0;
    case 'exact':
      return value.wide ? 0n : 0;
    case 'boolean':
      return false;
    case 'other':
      return code`null`;
  }
}

const WISHES: Readonly<Record<string, string>> = {
  '+': 'sum',
  '-': 'difference',
  '*': 'product',
  '/': 'quotient',
  '%': 'rest',
  '||': 'joined',
  '=': 'equal',
  '<>': 'differs',
  '<': 'less',
  '<=': 'at_most',
  '>': 'greater',
  '>=': 'at_least',
};

/** A readable name for the value of an expression. */
export function wishFor(expression: BoundExpression): string {
  switch (expression.kind) {
    case 'column':
      return `${expression.name}_value`;
    case 'call':
      return WISHES[expression.function] ?? expression.function.toLowerCase();
    case 'logical':
      return expression.operator;
    default:
      return `${expression.kind}_value`;
  }
}

/** Parameters and locals of every kernel. */
const KERNEL_NAMES = [
  ...['rowCount', 'selection', 'selectedCount', 'failed', 'inputs', 'outputs', 'passing'],
  ...['failAt', 'dynamicFailures', 'noNulls', 'report'],
  ...['row', 'rows', 'index', 'passed', 'failures', 'cursor', 'Int32Array', 'Object'],
];
