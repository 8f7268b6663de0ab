/**
 * The checks that every parser case goes through: the text parses without a fault, each node's
 * span is the node's own text (which parses to that node again), and print → parse gives the same
 * tree (law 6). Test files call `checkScript` or `checkExpression` and then look at the tree.
 */
import { expect } from 'vitest';
import type { Span } from '../../src/base/span.js';
import type * as Ast from '../../src/sql/ast.js';
import { parseExpression, parseScript } from '../../src/sql/parser.js';
import { printExpression, printScript } from '../../src/sql/printer.js';
import { isSpanKey, stripSpans, walkExpression, walkScript } from '../../src/sql/walk.js';
import type { Visitor } from '../../src/sql/walk.js';

/** Parses what must be free of faults, `${…}` left as it stands. */
export function parsed(text: string): Ast.Script {
  const { script, faults } = parseScript(text, { sourceName: 'test.sql', variables: null });
  expect(faults.map(({ code, message, span }) => ({ code, message, span, text }))).toEqual([]);
  return script;
}

/** Law 6: print → parse gives the same tree, and print the same text again. */
export function checkRoundTrip(text: string): Ast.Script {
  const script = parsed(text);
  const printed = printScript(script);
  const again = parsed(printed);
  expect(stripSpans(again), printed).toEqual(stripSpans(script));
  expect(printScript(again)).toBe(printed);
  return script;
}

export function checkScript(text: string): Ast.Script {
  const script = checkRoundTrip(text);
  walkScript(script, spanChecks(text));
  checkSpans(script, text);
  return script;
}

/** The one statement of a text. */
export function checkStatement(text: string): Ast.Statement {
  const { statements } = checkScript(text);
  expect(statements).toHaveLength(1);
  const [statement] = statements;
  if (statement === undefined) throw new Error('no statement');
  expect(sliceOf(text, statement.span)).toBe(text.replace(/;\s*$/, '').trim());
  return statement;
}

/** The query of a text that is one SELECT. */
export function checkQuery(text: string): Ast.Query {
  const statement = checkStatement(text);
  if (statement.kind !== 'select-statement') throw new Error(`${statement.kind} is no SELECT`);
  return statement.query;
}

export function checkSelect(text: string): Ast.Select {
  const { body } = checkQuery(text);
  if (body.kind !== 'select') throw new Error(`${body.kind} is no plain SELECT`);
  return body;
}

export function checkExpression(text: string): Ast.Expression {
  const expression = parseExpression(text);
  walkExpression(expression, spanChecks(text));
  checkSpans(expression, text);
  const printed = printExpression(expression);
  expect(stripSpans(parseExpression(printed)), printed).toEqual(stripSpans(expression));
  return expression;
}

export function sliceOf(text: string, span: Span): string {
  return text.slice(span.start, span.end);
}

/** Each node's own text parses to the node. */
function spanChecks(text: string): Visitor {
  return {
    expression: (node) => {
      const own = sliceOf(text, node.span);
      expect(own).toBe(own.trim());
      expect(stripSpans(parseExpression(own)), own).toEqual(stripSpans(node));
      return undefined;
    },
    query: (node) => {
      const own = sliceOf(text, node.span);
      const [statement] = parsed(own).statements;
      expect(statement?.kind === 'select-statement' && stripSpans(statement.query), own).toEqual(
        stripSpans(node),
      );
      return undefined;
    },
    relation: (node) => {
      const own = sliceOf(text, node.span);
      const [statement] = parsed(`SELECT * FROM ${own}`).statements;
      const body = statement?.kind === 'select-statement' ? statement.query.body : undefined;
      // The input of a window table function, `TABLE t` or `(query)`, is a relation of its own.
      if (/^TABLE\s/i.test(own)) return undefined;
      expect(body?.kind === 'select' && stripSpans(body.from), own).toEqual(stripSpans(node));
      return undefined;
    },
  };
}

/** Parts that may stand outside the span of the node they belong to. */
const OUTSIDE = new Set(['annotations', 'expire']);

/** Spans of all parts, also those that no visitor hook sees: within the parent, names exact. */
function checkSpans(node: unknown, text: string, parent?: Span): void {
  if (Array.isArray(node)) {
    for (const one of node) checkSpans(one, text, parent);
    return;
  }
  if (node === null || typeof node !== 'object') return;
  const span = 'span' in node ? (node.span as Span) : parent;
  if (span !== undefined && parent !== undefined) {
    expect(span.start).toBeGreaterThanOrEqual(parent.start);
    expect(span.end).toBeLessThanOrEqual(parent.end);
  }
  if (span !== undefined) expect(span.end).toBeGreaterThanOrEqual(span.start);
  if ('quoted' in node && 'name' in node && span !== undefined) {
    const own = sliceOf(text, span);
    const quote = own.charAt(0);
    const name = node.quoted ? own.slice(1, -1).replaceAll(quote + quote, quote) : own;
    expect(name).toBe(node.name);
  }
  for (const [key, value] of Object.entries(node)) {
    if (isSpanKey(key)) continue;
    checkSpans(value, text, OUTSIDE.has(key) ? undefined : span);
  }
}
