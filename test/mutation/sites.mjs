/**
 * The places of a source file where one small change makes a different program, each with one change.
 * Owns what a mutation is and where none is wanted: types, what is thrown, assertions, templates that
 * make messages. Which places are taken is choice.mjs, how they get into the program switches.mjs.
 *
 * Generated code counts too: an operator inside a code`…` template is a place like any other.
 */
import ts from 'typescript';

/** The other operators that each operator may become. */
const SWAPS = new Map(
  Object.entries({
    '<': ['<=', '>='],
    '<=': ['<', '>'],
    '>': ['>=', '<='],
    '>=': ['>', '<'],
    '===': ['!=='],
    '!==': ['==='],
    '&&': ['||'],
    '||': ['&&'],
    '+': ['-'],
    '-': ['+'],
    '*': ['/'],
    '/': ['*'],
    '%': ['*'],
    '<<': ['>>'],
    '>>': ['<<'],
    '>>>': ['<<'],
    '&': ['|'],
    '|': ['&'],
    '^': ['|'],
    '+=': ['-='],
    '-=': ['+='],
    '*=': ['+='],
    '|=': ['&='],
    '&=': ['|='],
  }),
);
/** An operator within generated code: Prettier's spacing is kept there too. */
const GENERATED = /(?<= )(===|!==|<=|>=|<|>|&&|\|\||\+=|-=|\+|-|\*)(?= )/g;
/** `||` and `&&` bind differently, and so does `+` beside `<<`: both sides get brackets. */
const bracketed = (left, operator, right) => `(${left}) ${operator} (${right})`;

/**
 * @typedef {{ kind: string, start: number, end: number, line: number, text: string, whole: boolean,
 *   original: string, mutated: string }} Site
 * `whole`: a statement, which is switched with `if`; otherwise an expression.
 */

/**
 * The places in source order; `random` picks where an operator may become several.
 * @param {ts.SourceFile} file
 * @param {(node: ts.Node) => boolean} isNumber whether an operand of `+` is a number
 * @param {() => number} random
 * @returns {Site[]}
 */
export function sitesOf(file, isNumber, random) {
  const sites = [];
  const lines = file.text.split('\n');
  const visit = (node) => {
    if (isOutside(node)) return;
    for (const change of changesOf(node, file, isNumber, random)) {
      const { line } = file.getLineAndCharacterOfPosition(change.start ?? node.getStart(file));
      sites.push({
        start: node.getStart(file),
        end: node.getEnd(),
        line: line + 1,
        text: lines[line].trim(),
        original: node.getText(file),
        whole: false,
        ...change,
      });
    }
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(file, visit);
  return sites;
}

/** Types vanish, what is thrown is words, and an assertion is no behaviour. */
function isOutside(node) {
  if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node))
    return true;
  if (ts.isImportDeclaration(node) || ts.isThrowStatement(node)) return true;
  if (ts.isTemplateExpression(node)) return !ts.isTaggedTemplateExpression(node.parent);
  if (ts.isNewExpression(node) || ts.isCallExpression(node))
    return /^assert|Error$/.test(node.expression.getText());
  return false;
}

function changesOf(node, file, isNumber, random) {
  if (ts.isBinaryExpression(node)) return operatorChanges(node, file, isNumber, random);
  if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken)
    return [{ kind: 'negation', mutated: node.operand.getText(file) }];
  if (ts.isIfStatement(node) || ts.isWhileStatement(node))
    return conditionChanges(node.expression, file);
  if (ts.isConditionalExpression(node)) return conditionChanges(node.condition, file);
  if (ts.isNumericLiteral(node)) return literalChanges(node);
  if (node.kind === ts.SyntaxKind.TrueKeyword) return constantChanges(node, 'false');
  if (node.kind === ts.SyntaxKind.FalseKeyword) return constantChanges(node, 'true');
  if (ts.isBreakStatement(node) || ts.isContinueStatement(node))
    return [{ kind: 'jump', mutated: ';', whole: true }];
  if (ts.isExpressionStatement(node)) return statementChanges(node);
  if (ts.isTaggedTemplateExpression(node)) return generatedChanges(node, file, random);
  return [];
}

function operatorChanges(node, file, isNumber, random) {
  const operator = node.operatorToken.getText(file);
  const swaps = SWAPS.get(operator);
  if (swaps === undefined) return [];
  if (operator === '+' && !(isNumber(node.left) && isNumber(node.right))) return [];
  if (operator === '+=' && !(isNumber(node.left) && isNumber(node.right))) return [];
  const swapped = pick(swaps, random);
  const left = node.left.getText(file);
  const right = node.right.getText(file);
  const mutated =
    operator.endsWith('=') && !/^[<>=!]/.test(operator)
      ? `${left} ${swapped} ${right}`
      : bracketed(left, swapped, right);
  return [{ kind: `operator ${operator}`, mutated }];
}

/** Only of what has no operator of its own: `!(a < b)` is what `>=` does already. */
function conditionChanges(condition, file) {
  if (ts.isBinaryExpression(condition) || ts.isPrefixUnaryExpression(condition)) return [];
  const original = condition.getText(file);
  const start = condition.getStart(file);
  return [
    { kind: 'condition', start, end: condition.getEnd(), original, mutated: `!(${original})` },
  ];
}

function literalChanges(node) {
  const parent = node.parent;
  if (node.text !== '0' && node.text !== '1') return [];
  if (ts.isPropertyAssignment(parent) && parent.name === node) return [];
  if (ts.isCaseClause(parent) || ts.isEnumMember(parent)) return [];
  return [{ kind: 'literal', mutated: node.text === '0' ? '1' : '0' }];
}

function constantChanges(node, mutated) {
  return ts.isLiteralTypeNode(node.parent) ? [] : [{ kind: 'constant', mutated }];
}

/** A call, an assignment or a step that is left out. */
function statementChanges(node) {
  const { expression } = node;
  const inner = ts.isAwaitExpression(expression) ? expression.expression : expression;
  if (ts.isCallExpression(inner)) {
    if (inner.expression.kind === ts.SyntaxKind.SuperKeyword || isOutside(inner)) return [];
    return [{ kind: 'call', mutated: ';', whole: true }];
  }
  if (ts.isPostfixUnaryExpression(inner)) return [{ kind: 'step', mutated: ';', whole: true }];
  const assigns =
    ts.isBinaryExpression(inner) && inner.operatorToken.kind === ts.SyntaxKind.EqualsToken;
  if (!assigns || isInConstructor(node)) return [];
  return [{ kind: 'assignment', mutated: ';', whole: true }];
}

/** Fields that are never set break everything: that a test notices says nothing of it. */
function isInConstructor(node) {
  return ts.findAncestor(node, ts.isFunctionLike)?.kind === ts.SyntaxKind.Constructor;
}

function generatedChanges(node, file, random) {
  if (node.tag.getText(file) !== 'code') return [];
  const text = node.getText(file);
  const spans = ts.isTemplateExpression(node.template)
    ? [node.template.head, ...node.template.templateSpans.map((span) => span.literal)]
    : [node.template];
  const tokens = spans.flatMap((span) =>
    [...span.getText(file).matchAll(GENERATED)].map((match) => ({
      at: span.getStart(file) - node.getStart(file) + match.index,
      operator: match[1],
    })),
  );
  if (tokens.length === 0) return [];
  const { at, operator } = pick(tokens, random);
  const swapped = pick(SWAPS.get(operator), random);
  const mutated = `${text.slice(0, at)}${swapped}${text.slice(at + operator.length)}`;
  return [{ kind: `generated ${operator}`, mutated }];
}

function pick(items, random) {
  return items[Math.floor(random() * items.length)];
}
