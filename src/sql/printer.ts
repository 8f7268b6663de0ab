/**
 * AST to SQL text, in one canonical form that parses to the same AST (law 6): keywords in upper
 * case, AS before every alias, parentheses only where precedence asks for them. Comments and layout
 * are gone, annotations stay. A `${` inside a string is printed as it stands, so parse printed text
 * with `variables: null`.
 */
import { assertNever } from '../base/assert.js';
import type * as Ast from './ast.js';
import {
  printAlias,
  printAnnotation,
  printHint,
  printStateTtl,
  printIdentifier,
  printInterval,
  printLiteral,
  printNames,
  printOptionLines,
  printOptions,
  printString,
  printTypeName,
} from './printer-terms.js';

/** Binding strength, loosest first: the grammar's levels. */
const Level = {
  or: 1,
  and: 2,
  not: 3,
  comparison: 4,
  concat: 5,
  addition: 6,
  multiplication: 7,
  sign: 8,
  suffix: 9,
  primary: 10,
} as const;

const OPERATOR_LEVELS: Readonly<Record<Ast.BinaryOperator, number>> = {
  or: Level.or,
  and: Level.and,
  '=': Level.comparison,
  '<>': Level.comparison,
  '<': Level.comparison,
  '<=': Level.comparison,
  '>': Level.comparison,
  '>=': Level.comparison,
  '||': Level.concat,
  '+': Level.addition,
  '-': Level.addition,
  '*': Level.multiplication,
  '/': Level.multiplication,
  '%': Level.multiplication,
};

export function printScript(script: Ast.Script): string {
  return script.statements.map((statement) => `${printStatement(statement)};\n`).join('\n');
}

/** One statement without its semicolon, a line for each clause. */
export function printStatement(statement: Ast.Statement): string {
  switch (statement.kind) {
    case 'set':
      return `SET ${printString(statement.key)} = ${printString(statement.value)}`;
    case 'create-table':
      return createTable(statement);
    case 'create-as': {
      const { options, query } = statement;
      const withOptions = options.length > 0 ? ` ${printOptions(options)}` : '';
      return annotated(
        statement,
        `${createHeader(statement)}${withOptions} AS\n${printQuery(query)}`,
      );
    }
    case 'insert': {
      const columns = statement.columns === null ? '' : ` ${printNames(statement.columns)}`;
      const { target: named, isAddress } = statement;
      const name = isAddress === true ? printString(named.name) : printIdentifier(named);
      const target = name + printHint(statement.hints);
      const header = `INSERT INTO ${target}${columns}`;
      return annotated(statement, `${header}\n${printQuery(statement.query)}`);
    }
    case 'select-statement':
      return annotated(statement, printQuery(statement.query));
    default:
      return assertNever(statement);
  }
}

function annotated(
  { annotations }: { readonly annotations: readonly Ast.Annotation[] },
  text: string,
): string {
  return [...annotations.map(printAnnotation), text].join('\n');
}

function createHeader({
  relation,
  ifNotExists,
  name,
}: Pick<Ast.CreateTable, 'relation' | 'ifNotExists' | 'name'>): string {
  const condition = ifNotExists ? ' IF NOT EXISTS' : '';
  return `CREATE ${relation.toUpperCase()}${condition} ${printIdentifier(name)}`;
}

function createTable(table: Ast.CreateTable): string {
  const elements = table.columns.map(columnDefinition);
  if (table.watermark !== null) {
    const { column, expression } = table.watermark;
    elements.push(`WATERMARK FOR ${printIdentifier(column)} AS ${printExpression(expression)}`);
  }
  if (table.primaryKey !== null) {
    elements.push(`PRIMARY KEY ${printNames(table.primaryKey)} NOT ENFORCED`);
  }
  const body = elements.length > 0 ? ` (\n  ${elements.join(',\n  ')}\n)` : '';
  const options = table.options.length > 0 ? ` ${printOptionLines(table.options)}` : '';
  return `${createHeader(table)}${body}${options}`;
}

function columnDefinition(column: Ast.ColumnDefinition): string {
  const parts = [printIdentifier(column.name)];
  if (column.type !== null) parts.push(printTypeName(column.type));
  if (column.notNull) parts.push('NOT NULL');
  if (column.metadata !== null) {
    const { key, virtual } = column.metadata;
    parts.push(key === null ? 'METADATA' : `METADATA FROM ${printString(key)}`);
    if (virtual) parts.push('VIRTUAL');
  }
  if (column.computed !== null) parts.push(`AS ${printExpression(column.computed)}`);
  return parts.join(' ');
}

/** A query, a line for each clause of the outermost level. */
export function printQuery(query: Ast.Query): string {
  return queryClauses(query, '\n').join('\n');
}

function nested(query: Ast.Query): string {
  return `(${queryClauses(query, ' ').join(' ')})`;
}

function queryClauses(query: Ast.Query, separator: string): string[] {
  const clauses: string[] = [];
  if (query.ctes.length > 0) {
    clauses.push(`WITH ${query.ctes.map(cte).join(`,${separator}`)}`);
  }
  clauses.push(...bodyClauses(query.body, separator));
  if (query.orderBy.length > 0) clauses.push(orderBy(query.orderBy));
  if (query.limit !== null) clauses.push(`LIMIT ${printExpression(query.limit)}`);
  if (query.emit !== null) clauses.push(`EMIT ${query.emit.mode.toUpperCase()}`);
  if (query.into !== null) clauses.push(`INTO ${printIdentifier(query.into)}`);
  if (query.options.length > 0) clauses.push(printOptions(query.options));
  return clauses;
}

function cte({ name, columns, query }: Ast.Cte): string {
  const list = columns === null ? '' : ` ${printNames(columns)}`;
  return `${printIdentifier(name)}${list} AS ${nested(query)}`;
}

function bodyClauses(body: Ast.QueryBody, separator: string): string[] {
  switch (body.kind) {
    case 'select':
      return selectClauses(body);
    case 'query':
      return [nested(body)];
    case 'union': {
      const right =
        body.right.kind === 'union'
          ? [`(${bodyClauses(body.right, ' ').join(' ')})`]
          : bodyClauses(body.right, separator);
      const operator = body.all ? 'UNION ALL' : 'UNION';
      return [...bodyClauses(body.left, separator), operator, ...right];
    }
    default:
      return assertNever(body);
  }
}

function selectClauses(select: Ast.Select): string[] {
  const items = select.items.map(selectItem).join(', ');
  const hint = printStateTtl(select.stateTtl ?? []);
  const clauses = [`SELECT ${hint}${select.distinct ? 'DISTINCT ' : ''}${items}`];
  if (select.from !== null) clauses.push(`FROM ${printRelation(select.from)}`);
  if (select.where !== null) clauses.push(`WHERE ${printExpression(select.where)}`);
  if (select.groupBy.length > 0) clauses.push(`GROUP BY ${list(select.groupBy)}`);
  if (select.window !== null) clauses.push(windowClause(select.window));
  if (select.namedWindows.length > 0) {
    const windows = select.namedWindows.map(
      ({ name, spec }) => `${printIdentifier(name)} AS ${overSpec(spec)}`,
    );
    clauses.push(`WINDOW ${windows.join(', ')}`);
  }
  if (select.having !== null) clauses.push(`HAVING ${printExpression(select.having)}`);
  return clauses;
}

function selectItem(item: Ast.SelectItem): string {
  if (item.kind === 'item') return printExpression(item.expression) + printAlias(item.alias);
  return item.qualifier === null ? '*' : `${printIdentifier(item.qualifier)}.*`;
}

function windowClause({ window, timeColumn, durations }: Ast.WindowClause): string {
  const column = timeColumn === null ? [] : [printExpression(timeColumn)];
  const args = [...column, ...durations.map(({ text }) => text)];
  return `WINDOW ${window.toUpperCase()}(${args.join(', ')})`;
}

function orderBy(items: readonly Ast.OrderItem[]): string {
  const printed = items.map(({ expression, descending, nulls }) => {
    const direction = descending ? ' DESC' : '';
    const place = nulls === null ? '' : ` NULLS ${nulls.toUpperCase()}`;
    return printExpression(expression) + direction + place;
  });
  return `ORDER BY ${printed.join(', ')}`;
}

export function printRelation(relation: Ast.Relation): string {
  switch (relation.kind) {
    case 'table': {
      const { name, asOf, alias, hints } = relation;
      const time = asOf === null ? '' : ` FOR SYSTEM_TIME AS OF ${printExpression(asOf)}`;
      return `${printIdentifier(name)}${printHint(hints)}${time}${printAlias(alias)}`;
    }
    case 'quoted-source':
      return printString(relation.uri) + printAlias(relation.alias);
    case 'derived':
      return nested(relation.query) + printAlias(relation.alias);
    case 'window-table':
      return windowTable(relation);
    case 'join':
      return join(relation);
    default:
      return assertNever(relation);
  }
}

function windowTable({
  window,
  table,
  partitionBy,
  timeColumn,
  durations,
  alias,
}: Ast.WindowTable): string {
  const input = `${table.kind === 'table' ? 'TABLE ' : ''}${printRelation(table)}`;
  const keys = partitionBy.length > 0 ? ` PARTITION BY (${list(partitionBy)})` : '';
  const time = `DESCRIPTOR(${printIdentifier(timeColumn)})`;
  const args = [input + keys, time, ...durations.map(({ text }) => text)];
  return `TABLE(${window.toUpperCase()}(${args.join(', ')}))${printAlias(alias)}`;
}

function join({ type, left, right, on, using }: Ast.Join): string {
  const operand = right.kind === 'join' ? `(${printRelation(right)})` : printRelation(right);
  const words = type === 'inner' ? 'JOIN' : `${type.toUpperCase()} JOIN`;
  const joined = `${printRelation(left)} ${words} ${operand}`;
  if (using !== null) return `${joined} USING ${printNames(using)}`;
  return on === null ? joined : `${joined} ON ${printExpression(on)}`;
}

function list(expressions: readonly Ast.Expression[]): string {
  return expressions.map(printExpression).join(', ');
}

export function printExpression(expression: Ast.Expression): string {
  // A long chain of operators is as deep as it is long: it is printed from its first operand on.
  const links: Ast.Expression[] = [];
  let bottom = expression;
  for (let left = leftOf(bottom); left !== null; left = leftOf(bottom)) {
    links.push(bottom);
    bottom = left;
  }
  let text = printNode(bottom, '');
  for (const link of links.reverse()) {
    const isLoose = levelOf(bottom) < levelOf(link) || readsOtherwise(bottom, link);
    text = printNode(link, isLoose ? `(${text})` : text);
    bottom = link;
  }
  return text;
}

/** The operand that a chain goes on from, when it is printed first. */
function leftOf(expression: Ast.Expression): Ast.Expression | null {
  switch (expression.kind) {
    case 'binary':
      return expression.left;
    case 'is':
    case 'in':
    case 'in-subquery':
    case 'between':
    case 'like':
    case 'index':
    case 'field':
      return expression.operand;
    case 'cast':
      return expression.form === 'colons' ? expression.operand : null;
    default:
      return null;
  }
}

/** The node behind the text of its left operand, if it has one. */
function printNode(expression: Ast.Expression, first: string): string {
  switch (expression.kind) {
    case 'literal':
      return printLiteral(expression);
    case 'interval':
      return printInterval(expression);
    case 'column':
      return expression.parts.map(printIdentifier).join('.');
    case 'unary':
      return unary(expression);
    case 'binary': {
      const { operator, right } = expression;
      const level = OPERATOR_LEVELS[operator];
      return `${first} ${operator.toUpperCase()} ${atLeast(level + 1, right)}`;
    }
    case 'is':
    case 'in':
    case 'in-subquery':
    case 'between':
    case 'like':
      return predicate(expression, first);
    case 'case':
      return caseExpression(expression);
    case 'cast':
      return cast(expression, first);
    case 'call':
      return call(expression);
    case 'extract':
      return extract(expression);
    case 'floor-to': {
      const { direction, operand, unit } = expression;
      return `${direction.toUpperCase()}(${printExpression(operand)} TO ${printIdentifier(unit)})`;
    }
    case 'array':
      return `ARRAY[${list(expression.elements)}]`;
    case 'map':
      return `MAP[${list(expression.entries.flatMap(({ key, value }) => [key, value]))}]`;
    case 'row':
      return `ROW(${list(expression.elements)})`;
    case 'index':
      return `${first}[${printExpression(expression.index)}]`;
    case 'field':
      return `${first}.${printIdentifier(expression.field)}`;
    case 'exists':
      return `EXISTS ${nested(expression.query)}`;
    case 'subquery':
      return nested(expression.query);
    default:
      return assertNever(expression);
  }
}

function levelOf(expression: Ast.Expression): number {
  switch (expression.kind) {
    case 'binary':
      return OPERATOR_LEVELS[expression.operator];
    case 'unary':
      return expression.operator === 'not' ? Level.not : Level.sign;
    case 'is':
    case 'in':
    case 'in-subquery':
    case 'between':
    case 'like':
      return Level.comparison;
    case 'index':
    case 'field':
      return Level.suffix;
    case 'cast':
      return expression.form === 'colons' ? Level.suffix : Level.primary;
    default:
      return Level.primary;
  }
}

/** In parentheses when it binds looser than its place allows. */
function atLeast(level: number, expression: Ast.Expression): string {
  const text = printExpression(expression);
  return levelOf(expression) < level ? `(${text})` : text;
}

/**
 * `- -x` would begin a comment without the blank. Not parentheses: they nest deeper than signs do,
 * and what was printed would be refused where what was written is not.
 */
function unary({ operator, operand }: Ast.Unary): string {
  if (operator === 'not') return `NOT ${atLeast(Level.not, operand)}`;
  const isSigned = operand.kind === 'unary' && operand.operator !== 'not';
  return `${operator}${isSigned ? ' ' : ''}${atLeast(Level.sign, operand)}`;
}

function predicate(
  expression: Ast.IsTest | Ast.InList | Ast.InSubquery | Ast.Between | Ast.Like,
  operand: string,
): string {
  const not = expression.negated ? 'NOT ' : '';
  switch (expression.kind) {
    case 'is': {
      if (expression.other === null) return `${operand} IS ${not}${expression.test.toUpperCase()}`;
      return `${operand} IS ${not}DISTINCT FROM ${atLeast(Level.concat, expression.other)}`;
    }
    case 'in':
      return `${operand} ${not}IN (${list(expression.list)})`;
    case 'in-subquery':
      return `${operand} ${not}IN ${nested(expression.query)}`;
    case 'between': {
      const low = atLeast(Level.concat, expression.low);
      return `${operand} ${not}BETWEEN ${low} AND ${atLeast(Level.concat, expression.high)}`;
    }
    case 'like': {
      const { pattern, escape } = expression;
      const ending = escape === null ? '' : ` ESCAPE ${atLeast(Level.concat, escape)}`;
      return `${operand} ${not}LIKE ${atLeast(Level.concat, pattern)}${ending}`;
    }
    default:
      return assertNever(expression);
  }
}

function extract({ unit, operand }: Ast.Extract): string {
  return `EXTRACT(${printIdentifier(unit)} FROM ${printExpression(operand)})`;
}

function caseExpression({ operand, branches, otherwise }: Ast.Case): string {
  const parts = ['CASE'];
  if (operand !== null) parts.push(printExpression(operand));
  for (const { when, then } of branches) {
    parts.push(`WHEN ${printExpression(when)} THEN ${printExpression(then)}`);
  }
  if (otherwise !== null) parts.push(`ELSE ${printExpression(otherwise)}`);
  return [...parts, 'END'].join(' ');
}

function cast({ operand, type, safe, form }: Ast.Cast, first: string): string {
  if (form === 'colons') return `${first}::${printTypeName(type)}`;
  return `${safe ? 'TRY_CAST' : 'CAST'}(${printExpression(operand)} AS ${printTypeName(type)})`;
}

/** A column called map or array would read as a constructor before a bracket, any column as another before a dot. */
function readsOtherwise(operand: Ast.Expression, link: Ast.Expression): boolean {
  if (link.kind === 'field') return operand.kind !== 'index' && operand.kind !== 'field';
  const first = operand.kind === 'column' ? operand.parts[0] : undefined;
  const isWord = first !== undefined && !first.quoted && /^(map|array)$/i.test(first.name);
  return link.kind === 'index' && isWord;
}

function call(expression: Ast.Call): string {
  const { name, star, distinct, withinGroup, filter, over } = expression;
  const order = expression.orderBy.length > 0 ? ` ${orderBy(expression.orderBy)}` : '';
  const args = star ? '*' : `${distinct ? 'DISTINCT ' : ''}${callArguments(expression)}${order}`;
  const parts = [`${printIdentifier(name)}(${args})`];
  if (withinGroup.length > 0) parts.push(`WITHIN GROUP (${orderBy(withinGroup)})`);
  if (filter !== null) parts.push(`FILTER (WHERE ${printExpression(filter)})`);
  if (over !== null) parts.push(`OVER ${'name' in over ? printIdentifier(over) : overSpec(over)}`);
  return parts.join(' ');
}

/** POSITION keeps its first argument above comparisons, where IN would end it. */
function callArguments({ name, args }: Ast.Call): string {
  if (name.quoted || name.name.toUpperCase() !== 'POSITION') return list(args);
  return args
    .map((arg, at) => (at === 0 ? atLeast(Level.concat, arg) : printExpression(arg)))
    .join(', ');
}

function overSpec({ base, buffer, partitionBy, orderBy: order, frame }: Ast.OverSpec): string {
  const parts: string[] = [];
  if (base !== null) parts.push(printIdentifier(base));
  if (buffer !== null) parts.push(`ROWS WINDOW BUFFER ${buffer.rows} ROWS`);
  if (partitionBy.length > 0) parts.push(`PARTITION BY ${list(partitionBy)}`);
  if (order.length > 0) parts.push(orderBy(order));
  if (frame !== null) {
    const bounds = `${frameBound(frame.start)} AND ${frameBound(frame.end)}`;
    parts.push(`${frame.unit.toUpperCase()} BETWEEN ${bounds}`);
  }
  if (buffer?.emit === 'every-record') parts.push('EMIT EVERY RECORD');
  if (buffer?.emit === 'buffer-full') parts.push('EMIT ON BUFFER FULL');
  if (buffer?.expire === 'never') parts.push('EXPIRE AFTER NEVER');
  else if (buffer?.expire) parts.push(`EXPIRE AFTER ${buffer.expire.text} INACTIVITY`);
  return `(${parts.join(' ')})`;
}

function frameBound({ kind, offset }: Ast.FrameBound): string {
  const words = kind.replace('-', ' ').toUpperCase();
  if (offset === null) return words;
  const distance = atLeast(Level.addition, offset);
  // A column of that name, not the keyword.
  return `${/^unbounded$/i.test(distance) ? `(${distance})` : distance} ${words}`;
}
