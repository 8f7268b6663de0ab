/**
 * How entries of the registry state what arguments they take: arity faults, argument classes and
 * the small builders that every file of functions uses. Owns the wording of signature faults; the
 * binder adds the position.
 */
import {
  BIGINT,
  BOOLEAN,
  DOUBLE,
  TIMESTAMP,
  VARCHAR,
  isNumeric,
  typeText,
} from '../columnar/types.js';
import type { SqlType, SqlValue } from '../columnar/types.js';
import type {
  AggregateFunction,
  ArgumentInfo,
  ResolvedSignature,
  ScalarFunction,
  SignatureFault,
  WindowFunction,
} from './registry-types.js';

type Entry = ScalarFunction | AggregateFunction | WindowFunction;
export type Resolve = Entry['resolve'];

export function isFault(result: ResolvedSignature | SignatureFault): result is SignatureFault {
  return 'key' in result;
}

/** `function "ABS" takes 1 argument, not 0`. Arguments that the binder adds are not counted. */
export function arityFault(
  definition: Pick<ScalarFunction, 'name' | 'arity' | 'suppliedArgs'>,
  given: number,
): SignatureFault | undefined {
  const supplied = definition.suppliedArgs ?? 0;
  const min = definition.arity[0] - supplied;
  const max = definition.arity[1] - supplied;
  const count = given - supplied;
  if (count >= min && count <= max) return undefined;
  const wanted =
    max === Infinity ? `at least ${min}` : min === max ? countText(min) : `${min} to ${max}`;
  const noun = min === 1 && (max === 1 || max === Infinity) ? 'argument' : 'arguments';
  return {
    key: 'FUNCTION_ARITY',
    message: `function "${definition.name}" takes ${wanted} ${noun}, not ${count}`,
  };
}

function countText(count: number): string {
  return count === 0 ? 'no' : String(count);
}

/** For functions that have a value for all arguments. */
export function neverFails(): boolean {
  return false;
}

/** Puts the arity check before an entry's own rules, so that `resolve` never sees a wrong count. */
export function entry<E extends Entry>(definition: E): E {
  const { resolve } = definition;
  return {
    ...definition,
    resolve: (args: readonly ArgumentInfo[]) =>
      arityFault(definition, args.length) ?? resolve(args),
  };
}

/** What a parameter takes and what the argument is cast to. */
export type Parameter =
  'any' | 'text' | 'integer' | 'number' | 'double' | 'boolean' | 'time' | 'array' | 'map' | 'row';

const PARAMETER_TEXT: Readonly<Record<Parameter, string>> = {
  any: 'any value',
  text: 'text',
  integer: 'a whole number',
  number: 'a number',
  double: 'a number',
  boolean: 'a BOOLEAN',
  time: 'a TIMESTAMP',
  array: 'an ARRAY',
  map: 'a MAP',
  row: 'a ROW',
};

/** The type the argument is cast to, or undefined when it does not fit. */
export function parameterType(parameter: Parameter, type: SqlType): SqlType | undefined {
  const isNull = type.kind === 'null';
  switch (parameter) {
    case 'any':
      return type;
    case 'text':
      return isNull || type.kind === 'varchar' ? VARCHAR : undefined;
    case 'integer':
      return isNull || type.kind === 'bigint' ? BIGINT : undefined;
    case 'number':
      return isNull ? BIGINT : isNumeric(type) ? type : undefined;
    case 'double':
      return isNull || isNumeric(type) ? DOUBLE : undefined;
    case 'boolean':
      return isNull || type.kind === 'boolean' ? BOOLEAN : undefined;
    case 'time':
      return isNull || isTimeLike(type) ? TIMESTAMP : undefined;
    default:
      return type.kind === parameter ? type : undefined;
  }
}

/** What time functions read as a TIMESTAMP: DATE, BIGINT milliseconds and text too. */
function isTimeLike(type: SqlType): boolean {
  const kinds: readonly SqlType['kind'][] = ['timestamp', 'date', 'bigint', 'varchar'];
  return kinds.includes(type.kind);
}

/** Where one of two arguments is a text: its conversion to the other's type. */
export function textCast([a, b]: readonly [SqlType, SqlType]): SignatureFault['cast'] {
  if (a.kind === b.kind) return undefined;
  const argument = [a, b].findIndex(({ kind }) => kind === 'varchar');
  const type = argument === 0 ? b : a;
  return argument < 0 || !READ_OF_TEXT.has(type.kind) ? undefined : { argument, type };
}

const READ_OF_TEXT: ReadonlySet<SqlType['kind']> = new Set([
  'boolean',
  'bigint',
  'double',
  'decimal',
  'timestamp',
  'date',
]);

export function argumentFault(
  name: string,
  index: number,
  wanted: string,
  given: SqlType,
): SignatureFault {
  return {
    key: 'FUNCTION_ARGUMENT',
    message: `argument ${index + 1} of function "${name}" is ${typeText(given)}, not ${wanted}`,
    hint: 'convert it with CAST(… AS …)',
    argument: index,
    cast: argumentCast(index, wanted, given),
  };
}

/** A text where a number is wanted, and a value without parts where a text is. */
function argumentCast(argument: number, wanted: string, { kind }: SqlType): SignatureFault['cast'] {
  if (wanted === 'a number' && kind === 'varchar') return { argument, type: DOUBLE };
  if (wanted === 'text' && READ_OF_TEXT.has(kind)) return { argument, type: VARCHAR };
  return undefined;
}

/** A literal argument that a function cannot use. */
export function valueFault(name: string, index: number, message: string): SignatureFault {
  return { key: 'FUNCTION_ARGUMENT', message: `function "${name}": ${message}`, argument: index };
}

/** Casts each argument by its parameter; the last parameter repeats. */
export function castArguments(
  name: string,
  parameters: readonly Parameter[],
  args: readonly ArgumentInfo[],
): readonly SqlType[] | SignatureFault {
  const types: SqlType[] = [];
  for (const [index, argument] of args.entries()) {
    const parameter = parameters[Math.min(index, parameters.length - 1)] ?? 'any';
    const type = parameterType(parameter, argument.type);
    if (type === undefined) {
      return argumentFault(name, index, PARAMETER_TEXT[parameter], argument.type);
    }
    types.push(type);
  }
  return types;
}

/** A resolve of fixed parameters; the result type is fixed or follows from the argument types. */
export function takes(
  name: string,
  parameters: readonly Parameter[],
  result: SqlType | ((types: readonly SqlType[], args: readonly ArgumentInfo[]) => SqlType),
): Resolve {
  return (args) => {
    const types = castArguments(name, parameters, args);
    if ('key' in types) return types;
    return { type: typeof result === 'function' ? result(types, args) : result, argTypes: types };
  };
}

/** `resolve`, then `check` over literal arguments: its fault wins. */
export function checked(
  resolve: Resolve,
  check: (args: readonly ArgumentInfo[]) => SignatureFault | undefined,
): Resolve {
  return (args) => {
    const resolved = resolve(args);
    return isFault(resolved) ? resolved : (check(args) ?? resolved);
  };
}

export function firstType(types: readonly SqlType[]): SqlType {
  return types[0] ?? { kind: 'null' };
}

/** Argument `index` of an evaluation; a missing optional one is NULL. */
export function at(args: readonly SqlValue[], index: number): SqlValue {
  return args[index] ?? null;
}
