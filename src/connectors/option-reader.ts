/**
 * Reads the options of one table by the zod types of its connector, and gathers every fault: a bad
 * option hides no other. Owns the wording, and which options are unknown; what options mean together
 * is the connector's. Who opens a table settles: the first fault is thrown.
 */
import { ConfigError } from '../base/errors.js';
import { isSecretName, redact, HIDDEN } from '../base/redact.js';
import type { z } from 'zod';
import type { OptionFault, TableUse } from '../plan/connector-facts.js';
import { didYouMean } from '../plan/faults.js';
import type { TableDefinition } from '../plan/schema.js';
import type { OptionType } from './option-types.js';

export type OptionShape = Readonly<Record<string, OptionType>>;

/** The options of a connector. */
export interface OptionSchema<Shape extends OptionShape = OptionShape> {
  /** One zod type for the text of each. */
  readonly types: z.ZodObject<Shape>;
  /** Types of options whose names are made of others' values, as format.name; null: none. */
  readonly more?: (options: TableDefinition['options']) => OptionShape;
  /** Why an option that is known elsewhere is none here, as a hint; undefined: nothing to say. */
  readonly strange?: (name: string, options: TableDefinition['options']) => string | undefined;
  /** Other names of options, by the short ones; null: none. */
  readonly short?: (options: TableDefinition['options']) => Readonly<Record<string, string>>;
  /** Options that start like this are the connector's own to read. */
  readonly open?: readonly string[];
}

type OptionTable = Pick<TableDefinition, 'name' | 'connector' | 'options'>;

/** A fault, and whom it concerns: who does not use the table so is not bothered. */
interface GatheredFault extends OptionFault {
  readonly only: TableUse | null;
}

export class OptionReader<Shape extends OptionShape> {
  /** What messages call the table. */
  readonly label: string;
  private readonly options: TableDefinition['options'];
  private readonly connector: string;
  private readonly values = new Map<string, unknown>();
  /** Names that options go by here, where these are not their own. */
  private readonly names = new Map<string, string>();
  private readonly gathered: GatheredFault[] = [];
  private use: TableUse | null = null;

  constructor(schema: OptionSchema<Shape>, table: OptionTable, label = `table "${table.name}"`) {
    this.label = label;
    this.options = table.options;
    this.connector = table.connector;
    const types: OptionShape = { ...schema.types.shape, ...schema.more?.(table.options) };
    const short = schema.short?.(table.options) ?? {};
    for (const [given, value] of Object.entries(table.options)) {
      const name = Object.hasOwn(short, given) ? (short[given] as string) : given;
      if (name !== given && Object.hasOwn(table.options, name)) {
        this.twice(given, name);
        continue;
      }
      if (name !== given) this.names.set(name, given);
      if (Object.hasOwn(types, name)) this.read(name, value, types[name] as OptionType);
      else if (schema.open?.some((start) => name.startsWith(start)) !== true) {
        const known = [...Object.keys(types), ...Object.keys(short)];
        this.unknown(name, known, schema.strange?.(name, table.options));
      }
    }
  }

  /** What the option is set to; undefined: it is absent, or at fault, which is gathered. */
  get<Name extends keyof Shape & string>(name: Name): z.output<Shape[Name]> | undefined {
    return this.values.get(name) as z.output<Shape[Name]> | undefined;
  }

  /** The same for an option whose name is made of others' values. */
  made(name: string): unknown {
    return this.values.get(name);
  }

  /** As it is written; undefined: absent. */
  written(name: string): string | undefined {
    const given = this.givenName(name);
    return Object.hasOwn(this.options, given) ? this.options[given] : undefined;
  }

  /** The option's value; when it is absent that is a fault, and undefined. */
  required<Name extends keyof Shape & string>(
    name: Name,
    what: string,
  ): z.output<Shape[Name]> | undefined {
    const value = this.get(name);
    if (value === undefined && this.written(name) === undefined) this.missing(name, what);
    return value;
  }

  missing(name: string, what: string): void {
    this.gather({
      key: null,
      part: 'key',
      message: `${this.label} with connector "${this.connector}" lacks the option "${name}"`,
      hint: `add '${name}' with ${what}`,
    });
  }

  /** What is written for the option is no value of it. */
  invalid(name: string, hint: string): void {
    const value = this.written(name) ?? '';
    const key = this.givenName(name);
    const shown = isSecretName(name) ? HIDDEN : redact(value);
    const message = `option "${key}" of ${this.label} cannot be "${shown}"`;
    this.gather({ key, part: 'value', message, hint });
  }

  fault(fault: OptionFault): void {
    this.gather(fault);
  }

  /** An option that is honoured, or has no effect, in a way that may surprise. */
  warn(name: string, message: string, hint?: string): void {
    this.gather({ key: name, part: 'key', message, hint, isWarning: true });
  }

  /** Faults that are found in `work` concern those alone who use the table like this. */
  whenUsed<T>(use: TableUse, work: () => T): T {
    const before = this.use;
    this.use = use;
    try {
      return work();
    } finally {
      this.use = before;
    }
  }

  /** The faults that concern such a use, warnings among them. */
  faultsFor(use: TableUse): readonly OptionFault[] {
    return this.gathered.filter(({ only }) => only === null || only === use);
  }

  /** Throws ConfigError SETTING_INVALID for the first fault, if there is one. */
  settle(use: TableUse): void {
    const fault = this.faultsFor(use).find(({ isWarning }) => isWarning !== true);
    if (fault === undefined) return;
    throw new ConfigError('SETTING_INVALID', { message: fault.message, hint: fault.hint });
  }

  private read(name: string, value: string, type: OptionType): void {
    const result = type.safeParse(value);
    if (result.success) this.values.set(name, result.data);
    else this.invalid(name, result.error.issues[0]?.message ?? 'give another value');
  }

  private givenName(name: string): string {
    return this.names.get(name) ?? name;
  }

  private twice(given: string, name: string): void {
    const message = `option "${given}" of ${this.label} is given as "${name}", too`;
    this.gather({ key: given, part: 'key', message, hint: 'leave one of them away' });
  }

  private unknown(name: string, known: readonly string[], strange: string | undefined): void {
    this.gather({
      key: name,
      part: 'key',
      message: `unknown option "${name}" of connector "${this.connector}" in ${this.label}`,
      hint: strange ?? didYouMean(name, known) ?? `its options are ${shortList(known)}`,
    });
  }

  private gather(fault: OptionFault): void {
    this.gathered.push({ ...fault, only: this.use });
  }
}

/** Those that stand on their own; options of formats and the like only for a short list. */
function shortList(names: readonly string[]): string {
  const plain = names.filter((name) => !/^(?:key|value|json|csv|avro|protobuf)[.-]/.test(name));
  return plain.sort().join(', ');
}
