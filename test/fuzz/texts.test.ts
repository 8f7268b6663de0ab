/**
 * Mutated SQL texts (text-mutants.ts) through the parser, the printer and the planner: a plan, or
 * faults that say what is wrong and where; never another exception, never an error of velo's own
 * making, never more time than a text is worth. A text without faults of syntax prints to one that
 * parses to the same. A run is one text through all of it.
 */
import { VeloError } from '../../src/base/errors.js';
import type { SqlError } from '../../src/base/errors.js';
import type { Script } from '../../src/sql/ast.js';
import { parseScript } from '../../src/sql/parser.js';
import { printScript } from '../../src/sql/printer.js';
import { stripSpans } from '../../src/sql/walk.js';
import { planSql } from '../plan/support.js';
import { fuzz } from './fuzz.js';
import type { FuzzInput } from './fuzz.js';
import { mutatedText } from './text-mutants.js';

const CPU_MS_MAX = 3_000;
/** A message says what is wrong in words of SQL: these are of JavaScript. */
const INTERNAL = /RangeError|TypeError|Maximum call stack|is not a function|\[object|Cannot read/;

fuzz({
  file: 'texts',
  name: 'mutated SQL texts have a plan, or faults at their places',
  sample: 2_500,
  cpuMsMax: CPU_MS_MAX,
  run: (input) => {
    const text = mutatedText(input.random);
    input.shows(JSON.stringify(text));
    input.counts(outcomeOf(text, input));
  },
});

function outcomeOf(text: string, input: FuzzInput): string {
  const parsed = parseScript(text, { sourceName: 'test.sql', variables: null });
  for (const fault of parsed.faults) judge(fault, text);
  if (parsed.faults.length === 0) judgePrinted(parsed.script);
  const variables = input.random.chance(50);
  const { plan, faults } = planSql(text, {
    settings: variables ? { 'emit.changes': 'delta' } : {},
  });
  for (const fault of faults) judge(fault, text);
  if (plan === null && faults.length === 0) throw new Error('neither a plan nor a fault');
  return faults[0]?.code ?? 'planned';
}

/** A fault is named, lies in the text and speaks of it. */
function judge(fault: SqlError, text: string): void {
  const { span, message, detail = '', hint = '' } = fault;
  if (!(fault instanceof VeloError) || fault.domain === 'internal') throw fault;
  const said = `${message} ${detail} ${hint}`;
  if (INTERNAL.test(said)) throw new Error(`a fault speaks of velo's inside: ${said}`);
  if (/^[A-Z][a-z]|\.$/.test(message)) throw new Error(`no message of velo's form: ${message}`);
  // The whole file is at fault where it is no SQL at all.
  if (span === undefined && message.includes('is no SQL')) return;
  if (span === undefined) throw new Error(`a fault without a place: ${message}`);
  const isInside = span.start >= 0 && span.start <= span.end && span.end <= text.length;
  if (!isInside) throw new Error(`${message}: at ${span.start} to ${span.end} of ${text.length}`);
}

/** Law 6: print, then parse, gives the same tree; and it prints to the same text. */
function judgePrinted(script: Script): void {
  const printed = printScript(script);
  const again = parseScript(printed, { sourceName: 'printed', variables: null });
  const [fault] = again.faults;
  if (fault !== undefined) throw new Error(`${fault.message}, in what was printed: ${printed}`);
  const isSame = sameTree(stripSpans(again.script.statements), stripSpans(script.statements));
  if (!isSame) throw new Error(`another tree from what was printed: ${printed}`);
  if (printScript(again.script) !== printed) throw new Error(`printed otherwise again: ${printed}`);
}

/** Without recursion: a chain of a thousand AND is a tree a thousand deep. */
function sameTree(a: unknown, b: unknown): boolean {
  const pairs: (readonly [unknown, unknown])[] = [[a, b]];
  for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
    const [one, other] = pair;
    if (!isNode(one) || !isNode(other)) {
      if (!Object.is(one, other)) return false;
      continue;
    }
    const names = Object.keys(one);
    if (names.length !== Object.keys(other).length) return false;
    for (const name of names) {
      if (!Object.hasOwn(other, name)) return false;
      pairs.push([one[name], other[name]]);
    }
  }
  return true;
}

function isNode(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
