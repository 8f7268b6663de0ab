/**
 * `${NAME}` in string literals. Grammar, inside the text of a string:
 *
 *   variable = "${" NAME [ ":-" default | ":?" message ] "}"      NAME = [A-Za-z_][A-Za-z0-9_]*
 *
 * A default or message may hold variables itself. `:-` and `:?` also apply to a variable that is
 * set to nothing, as in a shell. `${` without a name after it is plain text, so that a regular
 * expression such as '^a${2}' means what it says. Reads no environment: the caller gives a lookup.
 */
import { SqlError } from '../base/errors.js';
import type { SourceText } from '../base/errors.js';
import type { Span } from '../base/span.js';

export type VariableLookup = (name: string) => string | undefined;

interface VariableContext {
  readonly variables: VariableLookup;
  readonly source: SourceText;
  /** The string literal, for faults. */
  readonly span: Span;
  readonly faults: SqlError[];
}

const OPENING = /\$\{([A-Za-z_]\w*)/g;

/** Replaces every variable of `text`. A faulty one is reported in `faults` and left as written. */
export function substituteVariables(text: string, context: VariableContext): string {
  if (!text.includes('${')) return text;
  let result = '';
  let done = 0;
  for (;;) {
    OPENING.lastIndex = done;
    const opening = OPENING.exec(text);
    if (opening === null) return result + text.slice(done);
    const end = closingBrace(text, opening.index + 2);
    if (end < 0) {
      report(context, 'SYNTAX', `variable "${opening[0]}" is not closed`, 'end it with "}"');
      return result + text.slice(done);
    }
    const rest = text.slice(opening.index + opening[0].length, end);
    const value = variableValue(opening[1] ?? '', rest, context);
    result += text.slice(done, opening.index) + (value ?? text.slice(opening.index, end + 1));
    done = end + 1;
  }
}

/** Where the brace that opened before `from` closes; -1 when it does not. */
function closingBrace(text: string, from: number): number {
  let depth = 1;
  for (let at = from; at < text.length; at += 1) {
    if (text.startsWith('${', at)) depth += 1;
    else if (text[at] === '}') depth -= 1;
    if (depth === 0) return at;
  }
  return -1;
}

function variableValue(name: string, rest: string, context: VariableContext): string | undefined {
  const value = context.variables(name);
  if (rest === '') {
    if (value !== undefined) return value;
    const hint = `set ${name}, or give a default: \${${name}:-value}`;
    return report(context, 'VARIABLE_MISSING', `variable "${name}" is not set`, hint);
  }
  const form = rest.slice(0, 2);
  if (form !== ':-' && form !== ':?') {
    const hint = 'write ${NAME}, ${NAME:-default} or ${NAME:?message}';
    return report(context, 'SYNTAX', `variable "\${${name}${rest}}" has an unknown form`, hint);
  }
  if (value !== undefined && value !== '') return value;
  const argument = substituteVariables(rest.slice(2), context);
  if (form === ':-') return argument;
  const message = argument === '' ? `variable "${name}" is not set` : argument;
  return report(context, 'VARIABLE_MISSING', message, `set ${name}`);
}

function report(
  context: VariableContext,
  key: 'SYNTAX' | 'VARIABLE_MISSING',
  message: string,
  hint: string,
): undefined {
  const { source, span } = context;
  context.faults.push(new SqlError(key, { message, source, span, hint }));
}
