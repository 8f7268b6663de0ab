/**
 * WITH options where plans meet connectors: the connector's name, options that are written twice,
 * and where in the text each fault lies that a connector finds. What options there are, and their
 * values, is the connectors' own business (connector-facts.ts).
 */
import { lineColumnAt } from '../../base/span.js';
import type { Span } from '../../base/span.js';
import type { Identifier, Option } from '../../sql/ast.js';
import type {
  ConnectorCatalog,
  ConnectorFacts,
  OptionFault,
  TableUse,
} from '../connector-facts.js';
import { didYouMean } from '../faults.js';
import type { FaultCollector } from '../faults.js';
import type { TableDefinition } from '../schema.js';

/** What declarations are bound with. */
export interface OptionContext {
  readonly faults: FaultCollector;
  readonly connectors: ConnectorCatalog;
  readonly warn: (line: string) => void;
}

export interface TableOptions {
  readonly facts: ConnectorFacts;
  readonly rest: Readonly<Record<string, string>>;
}

const CONNECTOR = 'connector';

/** The connector that options name, and the other options; poisoned where there is none. */
export function bindOptions(
  context: OptionContext,
  name: Identifier,
  written: readonly Option[],
): TableOptions {
  refuseTwice(context.faults, name, written);
  const option = connectorOption(context, name, written);
  const rest = written.filter((each) => each !== option && each.key !== CONNECTOR);
  return {
    facts: connectorNamed(context, option),
    // Of options that are set twice, which is a fault, the last.
    rest: Object.fromEntries(rest.map(({ key, value }) => [key, value])),
  };
}

function refuseTwice(faults: FaultCollector, name: Identifier, written: readonly Option[]): void {
  const seen = new Set<string>();
  for (const { key, span } of written) {
    if (seen.has(key)) {
      faults.report('SETTING_INVALID', {
        message: `option "${key}" of "${name.name}" is set twice`,
        span,
        hint: 'leave one of them away',
      });
    }
    seen.add(key);
  }
}

/** A misspelled key counts for its connector, so that the other options are checked too. */
function connectorOption(
  { faults, connectors }: OptionContext,
  name: Identifier,
  written: readonly Option[],
): Option {
  const option = written.find(({ key }) => key === CONNECTOR);
  if (option !== undefined) return option;
  const misspelled = written.find(({ key }) => didYouMean(key, [CONNECTOR]) !== undefined);
  faults.report('SETTING_INVALID', {
    message: `"${name.name}" has no option 'connector'`,
    span: misspelled?.keySpan ?? name.span,
    hint:
      misspelled === undefined
        ? `add WITH ('connector' = '…'): ${connectors.names.join(', ')}`
        : "the option is spelled 'connector'",
  });
  return misspelled ?? faults.poison();
}

function connectorNamed(
  { faults, connectors }: OptionContext,
  { value, valueSpan }: Option,
): ConnectorFacts {
  const facts = connectors.find(value);
  if (facts !== null) return facts;
  const { names } = connectors;
  return faults.fail('SETTING_INVALID', {
    message: `connector "${value}" does not exist`,
    span: valueSpan,
    hint: didYouMean(value, names) ?? `connectors are ${names.join(', ')}`,
  });
}

/** Reports every fault of a table's options for this use of it, at the option. */
export function checkTable(
  context: OptionContext,
  table: TableDefinition,
  at: { readonly written: readonly Option[]; readonly name: Span; readonly use: TableUse },
): void {
  const facts = context.connectors.find(table.connector);
  for (const fault of facts?.check(table, at.use) ?? []) {
    reportOption(context, fault, { written: at.written, name: at.name });
  }
}

export function reportOption(
  { faults, warn }: OptionContext,
  { key, part, message, hint, isWarning }: OptionFault,
  at: { readonly written: readonly Option[]; readonly name: Span },
): void {
  const option = at.written.findLast((each) => each.key === key);
  const connector = at.written.find((each) => each.key === CONNECTOR);
  const own = part === 'key' ? option?.keySpan : option?.valueSpan;
  const span = own ?? connector?.valueSpan ?? at.name;
  if (isWarning === true) {
    warn(placed(faults, span, hint === undefined ? message : `${message}: ${hint}`));
  } else {
    faults.report('SETTING_INVALID', { message, span, hint });
  }
}

/** A warning with its place in the text. */
export function placed({ source }: FaultCollector, span: Span, text: string): string {
  const { line, column } = lineColumnAt(source.text, span.start);
  return `${source.name}:${line}:${column}: ${text}`;
}
