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

/** A variable in the text, by the places of its `${`, of what follows its name, and of its `}`. */
interface Opening {
  readonly at: number;
  readonly name: string;
  readonly nameEnd: number;
  /** -1: nothing closes it. */
  readonly close: number;
}

/** The argument of a variable that is needed, or the whole text. */
interface Frame {
  /** null: the whole text. */
  readonly opening: Opening | null;
  readonly end: number;
  /** What is read of it so far, up to `done`. */
  value: string;
  done: number;
}

/**
 * Replaces every variable of `text`. A faulty one is reported in `faults` and left as written.
 * O(length), however deep defaults hold each other.
 */
export function substituteVariables(text: string, context: VariableContext): string {
  if (!text.includes('${')) return text;
  const openings = openingsOf(text);
  const frames: Frame[] = [{ opening: null, end: text.length, value: '', done: 0 }];
  let next = 0;
  for (;;) {
    const frame = frames.at(-1) as Frame;
    while ((openings[next]?.at ?? Infinity) < frame.done) next += 1;
    const opening = openings[next];
    if (opening === undefined || opening.at >= frame.end) {
      const value = frame.value + text.slice(frame.done, frame.end);
      frames.pop();
      const outer = frames.at(-1);
      if (frame.opening === null || outer === undefined) return value;
      outer.value += argumentValue(text, frame.opening, value, context);
      outer.done = frame.end + 1;
      continue;
    }
    frame.value += text.slice(frame.done, opening.at);
    if (opening.close < 0) {
      const written = `\${${opening.name}`;
      report(context, 'SYNTAX', `variable "${written}" is not closed`, 'end it with "}"');
      return frame.value + text.slice(opening.at);
    }
    const value = plainValue(text, opening, context);
    if (value === 'argument') {
      const done = opening.nameEnd + 2;
      frames.push({ opening, end: opening.close, value: '', done });
    } else {
      frame.value += value ?? text.slice(opening.at, opening.close + 1);
      frame.done = opening.close + 1;
    }
  }
}

/** All that have a name, in the order of the text. Every `${` counts for what a brace closes. */
function openingsOf(text: string): Opening[] {
  const found: { at: number; close: number }[] = [];
  const open: { at: number; close: number }[] = [];
  for (const { 0: mark, index } of text.matchAll(/\$\{|\}/g)) {
    if (mark === '}') {
      const opening = open.pop();
      if (opening !== undefined) opening.close = index;
    } else {
      const opening = { at: index, close: -1 };
      found.push(opening);
      open.push(opening);
    }
  }
  const naming = /[A-Za-z_]\w*/y;
  return found.flatMap(({ at, close }) => {
    naming.lastIndex = at + 2;
    const [name] = naming.exec(text) ?? [];
    return name === undefined ? [] : [{ at, name, nameEnd: at + 2 + name.length, close }];
  });
}

/** What the variable stands for; 'argument': what its default or message says. */
function plainValue(
  text: string,
  { name, nameEnd, close }: Opening,
  context: VariableContext,
): string | undefined {
  const value = context.variables(name);
  if (nameEnd === close) {
    if (value !== undefined) return value;
    const hint = `set ${name}, or give a default: \${${name}:-value}`;
    return report(context, 'VARIABLE_MISSING', `variable "${name}" is not set`, hint);
  }
  const form = text.slice(nameEnd, nameEnd + 2);
  if (form !== ':-' && form !== ':?') {
    const hint = 'write ${NAME}, ${NAME:-default} or ${NAME:?message}';
    const written = `\${${text.slice(nameEnd - name.length, close)}}`;
    return report(context, 'SYNTAX', `variable "${written}" has an unknown form`, hint);
  }
  return value !== undefined && value !== '' ? value : 'argument';
}

function argumentValue(
  text: string,
  { at, name, nameEnd, close }: Opening,
  argument: string,
  context: VariableContext,
): string {
  if (text.startsWith(':-', nameEnd)) return argument;
  const message = argument === '' ? `variable "${name}" is not set` : argument;
  report(context, 'VARIABLE_MISSING', message, `set ${name}`);
  return text.slice(at, close + 1);
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
