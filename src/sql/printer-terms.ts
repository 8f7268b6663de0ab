/**
 * Printing of what holds no expression: names, strings, types, intervals, options. The leaves of
 * printer.ts, which owns the rest.
 */
import type * as Ast from './ast.js';

/** A string literal; quotes doubled, a backslash is just a backslash. */
export function printString(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

export function printIdentifier({ name, quoted }: Ast.Identifier): string {
  return quoted ? `"${name.replaceAll('"', '""')}"` : name;
}

export function printNames(names: readonly Ast.Identifier[]): string {
  return `(${names.map(printIdentifier).join(', ')})`;
}

/** ` AS alias`, or nothing. */
export function printAlias(alias: Ast.Identifier | null): string {
  return alias === null ? '' : ` AS ${printIdentifier(alias)}`;
}

export function printTypeName({ name, parameters, elements, fields }: Ast.TypeName): string {
  if (fields.length > 0) {
    const list = fields.map(
      (field) => `${printIdentifier(field.name)} ${printTypeName(field.type)}`,
    );
    return `${name}<${list.join(', ')}>`;
  }
  if (elements.length > 0) return `${name}<${elements.map(printTypeName).join(', ')}>`;
  return parameters.length > 0 ? `${name}(${parameters.join(', ')})` : name;
}

export function printInterval({ amount, unit }: Ast.IntervalLiteral): string {
  return `INTERVAL '${amount}' ${unit}`;
}

export function printLiteral({ type, text }: Ast.Literal): string {
  switch (type) {
    case 'string':
      return printString(text);
    case 'timestamp':
    case 'date':
      return `${type.toUpperCase()} ${printString(text)}`;
    case 'boolean':
    case 'null':
      return text.toUpperCase();
    case 'integer':
    case 'decimal':
    case 'double':
      return text;
  }
}

function printOption({ key, value }: Ast.Option): string {
  return `${printString(key)} = ${printString(value)}`;
}

/** WITH (…), on one line. */
export function printOptions(options: readonly Ast.Option[]): string {
  return `WITH (${options.map(printOption).join(', ')})`;
}

/** The hint behind a table's name; nothing without options. */
export function printHint(options: readonly Ast.Option[]): string {
  return options.length === 0 ? '' : ` /*+ OPTIONS(${options.map(printOption).join(', ')}) */`;
}

/** The hint behind SELECT, with a space behind it; nothing without options. */
export function printStateTtl(options: readonly Ast.Option[]): string {
  return options.length === 0 ? '' : `/*+ STATE_TTL(${options.map(printOption).join(', ')}) */ `;
}

/** WITH (…), a line for each option. */
export function printOptionLines(options: readonly Ast.Option[]): string {
  return `WITH (\n  ${options.map(printOption).join(',\n  ')}\n)`;
}

export function printAnnotation({ key, value }: Ast.Annotation): string {
  return `-- @${key}: ${value}`.trimEnd();
}
