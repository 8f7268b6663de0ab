/**
 * CREATE TABLE → TableDefinition: physical, computed and metadata columns, the watermark, the
 * primary key, the connector and whether it ends. Owns what a declaration may say of columns; its
 * options are connector-options.ts.
 */
import { typeText } from '../../columnar/types.js';
import { canCast } from '../../functions/cast.js';
import type { ColumnDefinition, CreateTable, Identifier, Watermark } from '../../sql/ast.js';
import { parseDurationMs } from '../../sql/durations.js';
import { bindExpression } from './binder-expression.js';
import type { BindContext } from './binder-environment.js';
import { castTo, settled } from './bound-values.js';
import { bindOptions, checkTable, placed, reportOption } from './connector-options.js';
import type { OptionContext } from './connector-options.js';
import type { BoundExpression } from '../expression/expression.js';
import { refuseLarge } from '../expression/expression-size.js';
import type { ConnectorFacts } from '../connector-facts.js';
import { didYouMean } from '../faults.js';
import type { FaultCollector } from '../faults.js';
import { SYSTEM_COLUMNS } from '../schema.js';
import type {
  InsertedColumn,
  PhysicalColumn,
  SystemColumn,
  TableColumn,
  TableDefinition,
  WatermarkDefinition,
} from '../schema.js';
import { nameMatches } from './scope.js';
import type { ScopeColumn } from './scope.js';
import { resolveTypeName } from './type-names.js';

const IDLE_TIMEOUT = 'source.idle-timeout';

/** METADATA keys, Flink's and velo's own, to system columns. */
const METADATA: ReadonlyMap<string, SystemColumn> = new Map<string, SystemColumn>([
  ['timestamp', '_record_time'],
  ['partition', '_partition'],
  ['offset', '_offset'],
  ['topic', '_topic'],
  ['key', '_key'],
  ['headers', '_headers'],
  ['file.path', '_file'],
]);

/** Options that are the planner's own. */
export function connectorOptions(rest: TableDefinition['options']): TableDefinition['options'] {
  return Object.fromEntries(Object.entries(rest).filter(([key]) => key !== IDLE_TIMEOUT));
}

export function defineTable(context: OptionContext, declared: CreateTable): TableDefinition {
  const { faults } = context;
  const given = bindOptions(context, declared.name, declared.options);
  const at = { written: declared.options, name: declared.name.span };
  const statement =
    given.facts.rewrite?.(declared, (fault) => {
      reportOption(context, fault, at);
    }) ?? declared;
  const options =
    statement === declared ? given : bindOptions(context, statement.name, statement.options);
  const { facts, rest } = options;
  const { name, columns } = statement;
  refuseTwice(faults, columns);
  const physical = physicalColumns(faults, columns, facts);
  const bound = new ColumnBinder(faults, name.name, columns, physical).bindAll();
  const watermark =
    statement.watermark === null ? null : bindWatermark(faults, statement.watermark, bound);
  warnOfNulls(context, columns);
  const own = connectorOptions(rest);
  const table: TableDefinition = {
    name: name.name,
    connector: facts.name,
    options: own,
    ...(rest[IDLE_TIMEOUT] === undefined
      ? {}
      : { idleTimeoutMs: idleTimeoutOf(faults, statement) }),
    physical,
    ...insertedColumns(columns, bound, facts),
    columns: bound,
    watermark,
    primaryKey: primaryKey(faults, statement.primaryKey ?? [], bound),
    bounded: facts.isBounded(own),
    ...(facts.endHint === null ? {} : { endHint: facts.endHint }),
    ...(facts.hasOneSplit(own) ? { oneSplit: true } : {}),
  };
  // What --source says is checked where that is read.
  if (declared.redirected !== true) checkTable(context, table, { ...at, use: 'declared' });
  return table;
}

/** NOT NULL is a promise of who declares it; nobody checks it. */
function warnOfNulls({ faults, warn }: OptionContext, columns: readonly ColumnDefinition[]): void {
  for (const { name, notNull, span } of columns) {
    if (!notNull) continue;
    warn(placed(faults, span, `NOT NULL of column "${name.name}" is not checked`));
  }
}

/** As in Flink: metadata that a record can be given are written unless they are VIRTUAL. */
function insertedColumns(
  columns: readonly ColumnDefinition[],
  bound: readonly TableColumn[],
  facts: ConnectorFacts,
): { readonly inserted?: readonly InsertedColumn[] } {
  const inserted = columns.flatMap((column, at): readonly InsertedColumn[] => {
    const found = bound[at];
    if (found === undefined || column.computed !== null) return [];
    const { name, type } = found;
    if (column.metadata === null) return [{ name, type, metadata: null }];
    const { virtual, key } = column.metadata;
    const metadata = facts.metadata.find((writable) => writable === (key ?? name));
    return virtual || metadata === undefined ? [] : [{ name, type, metadata }];
  });
  return inserted.some(({ metadata }) => metadata !== null) ? { inserted } : {};
}

/** 'source.idle-timeout' of a table: the planner's, not the connector's. */
function idleTimeoutOf(faults: FaultCollector, statement: CreateTable): number {
  const option = statement.options.find(({ key }) => key === IDLE_TIMEOUT);
  const ms = option === undefined ? 0 : parseDurationMs(option.value);
  if (ms !== undefined && ms >= 0) return ms;
  faults.report('SETTING_INVALID', {
    message: `"${option?.value}" is no duration for '${IDLE_TIMEOUT}'`,
    span: option?.valueSpan ?? statement.name.span,
    hint: "write '30s', '1m' or '500ms'",
  });
  return 0;
}

function refuseTwice(faults: FaultCollector, columns: readonly ColumnDefinition[]): void {
  const seen = new Set<string>();
  for (const { name } of columns) {
    const key = name.quoted ? name.name : name.name.toLowerCase();
    if (seen.has(key)) {
      faults.fail('STATEMENT_INVALID', {
        message: `column "${name.name}" is declared twice`,
        span: name.span,
      });
    }
    seen.add(key);
  }
}

function physicalColumns(
  faults: FaultCollector,
  columns: readonly ColumnDefinition[],
  facts: ConnectorFacts,
): readonly PhysicalColumn[] {
  const declared = columns.filter(
    ({ computed, metadata }) => computed === null && metadata === null,
  );
  const fixed = facts.columns;
  if (fixed === null) {
    return faults.all(declared, (column) => {
      if (column.type !== null) {
        return { name: column.name.name, type: resolveTypeName(faults, column.type) };
      }
      return faults.fail('TYPE_NOT_FOUND', {
        message: `column "${column.name.name}" has no type`,
        span: column.span,
      });
    });
  }
  faults.all(declared, (column) => {
    if (fixed.some(({ name }) => nameMatches(column.name, name))) return;
    faults.fail('STATEMENT_INVALID', {
      message: `column "${column.name.name}" of a ${facts.name} must be computed`,
      span: column.span,
      hint: `write ${column.name.name} AS an expression over ${fixed.map(({ name }) => name).join(', ')}`,
    });
  });
  return fixed;
}

/** Computed columns may name physical, system and each other's columns, in any order. */
class ColumnBinder {
  private readonly faults: FaultCollector;
  private readonly tableName: string;
  private readonly columns: readonly ColumnDefinition[];
  private readonly physical: readonly PhysicalColumn[];
  private readonly scope: readonly ScopeColumn[];
  /** null: at fault, which is reported. */
  private readonly bound = new Map<ColumnDefinition, BoundExpression | null>();
  private readonly open = new Set<ColumnDefinition>();

  constructor(
    faults: FaultCollector,
    tableName: string,
    columns: readonly ColumnDefinition[],
    physical: readonly PhysicalColumn[],
  ) {
    this.faults = faults;
    this.tableName = tableName;
    this.columns = columns;
    this.physical = physical;
    this.scope = [...physical, ...SYSTEM_COLUMNS].map(({ name, type }, index) => {
      const hidden = index >= physical.length;
      return { name, qualifier: tableName, type, index, hidden, reads: null };
    });
  }

  bindAll(): readonly TableColumn[] {
    return this.faults.all(this.columns, (column): TableColumn => {
      const { name } = column.name;
      const index = this.physical.findIndex((known) => nameMatches(column.name, known.name));
      const found = this.physical[index];
      if (column.computed === null && column.metadata === null && found !== undefined) {
        return { kind: 'physical', name, type: found.type, index };
      }
      const expression = this.computed(column);
      return { kind: 'computed', name, type: expression.type, expression };
    });
  }

  private computed(column: ColumnDefinition): BoundExpression {
    const known = this.bound.get(column);
    if (known === null) return this.faults.poison();
    if (known !== undefined) return known;
    if (this.open.has(column)) {
      return this.faults.fail('STATEMENT_INVALID', {
        message: `computed column "${column.name.name}" depends on itself`,
        span: column.span,
      });
    }
    this.open.add(column);
    const expression = this.faults.attempt(() => {
      const value =
        column.metadata === null ? this.computedValue(column) : this.metadataValue(column);
      const typed = settled(this.typed(column, value));
      refuseLarge(typed, column.span);
      return typed;
    });
    this.open.delete(column);
    this.bound.set(column, expression);
    return expression ?? this.faults.poison();
  }

  private computedValue(column: ColumnDefinition): BoundExpression {
    const context: BindContext = {
      faults: this.faults,
      columns: this.scope,
      clause: 'a computed column',
      resolveName: (reference) => {
        const name = reference.parts[reference.parts.length - 1];
        const [qualifier] = reference.parts;
        const own =
          reference.parts.length === 1 ||
          (reference.parts.length === 2 &&
            qualifier !== undefined &&
            nameMatches(qualifier, this.tableName));
        const other =
          name === undefined || !own
            ? undefined
            : this.columns.find(
                (candidate) =>
                  (candidate.computed !== null || candidate.metadata !== null) &&
                  nameMatches(name, candidate.name.name),
              );
        return other === undefined ? null : { ...this.computed(other), span: reference.span };
      },
    };
    const { computed } = column;
    if (computed === null)
      return settled({ kind: 'literal', value: null, type: { kind: 'null' }, span: column.span });
    return bindExpression(context, computed);
  }

  private metadataValue(column: ColumnDefinition): BoundExpression {
    const key = column.metadata?.key ?? column.name.name;
    const system = METADATA.get(key);
    const at = SYSTEM_COLUMNS.findIndex(({ name }) => name === system);
    const found = SYSTEM_COLUMNS[at];
    if (found === undefined) {
      return this.faults.fail('COLUMN_NOT_FOUND', {
        message: `metadata "${key}" does not exist`,
        span: column.span,
        hint: didYouMean(key, METADATA.keys()) ?? `metadata are ${[...METADATA.keys()].join(', ')}`,
      });
    }
    const index = this.physical.length + at;
    return { kind: 'column', index, name: found.name, type: found.type, span: column.span };
  }

  private typed(column: ColumnDefinition, expression: BoundExpression): BoundExpression {
    if (column.type === null) return expression;
    const type = resolveTypeName(this.faults, column.type);
    if (canCast(expression.type, type)) return castTo(expression, type);
    return this.faults.fail('TYPE_MISMATCH', {
      message: `column "${column.name.name}" is ${typeText(type)}, its expression ${typeText(expression.type)}`,
      span: column.span,
    });
  }
}

/** WATERMARK FOR c AS c, or c - INTERVAL …: nothing else has a bound that velo can honour. */
function bindWatermark(
  faults: FaultCollector,
  watermark: Watermark,
  columns: readonly TableColumn[],
): WatermarkDefinition {
  const at = columns.findIndex(({ name }) => nameMatches(watermark.column, name));
  const column = columns[at];
  if (column === undefined) {
    return faults.fail('COLUMN_NOT_FOUND', {
      message: `column "${watermark.column.name}" of the watermark does not exist`,
      span: watermark.column.span,
      hint: didYouMean(
        watermark.column.name,
        columns.map(({ name }) => name),
      ),
    });
  }
  if (column.type.kind !== 'timestamp' && column.type.kind !== 'bigint') {
    return faults.fail('WINDOW_INVALID', {
      message: `watermark column "${column.name}" is ${typeText(column.type)}, not TIMESTAMP or BIGINT`,
      span: watermark.column.span,
    });
  }
  const scope = columns.map(({ name, type }, index): ScopeColumn => {
    return { name, qualifier: null, type, index, hidden: false, reads: null };
  });
  const bound = bindExpression(
    { faults, columns: scope, clause: 'WATERMARK' },
    watermark.expression,
  );
  const boundMs = watermarkBound(bound, at);
  if (boundMs !== null) return { column: column.name, boundMs };
  return faults.fail('SETTING_INVALID', {
    message: `a watermark is its column minus a fixed interval, not "${faults.textAt(watermark.expression.span)}"`,
    span: watermark.expression.span,
    hint: `write WATERMARK FOR ${column.name} AS ${column.name} - INTERVAL '5' SECOND`,
  });
}

function watermarkBound(expression: BoundExpression, column: number): number | null {
  if (expression.kind === 'column') return expression.index === column ? 0 : null;
  if (expression.kind !== 'call' || expression.function !== '-') return null;
  const [given, right] = expression.args;
  const left = given?.kind === 'cast' ? given.operand : given;
  if (left?.kind !== 'column' || left.index !== column || right?.kind !== 'literal') return null;
  const { type, value } = right;
  const isMs = (type.kind === 'interval' && type.unit === 'millisecond') || type.kind === 'bigint';
  return isMs && value !== null && Number(value) >= 0 ? Number(value) : null;
}

function primaryKey(
  faults: FaultCollector,
  names: readonly Identifier[],
  columns: readonly TableColumn[],
): readonly string[] {
  return faults.all(names, (name) => {
    const column = columns.find((known) => nameMatches(name, known.name));
    if (column !== undefined) return column.name;
    return faults.fail('COLUMN_NOT_FOUND', {
      message: `column "${name.name}" of the primary key does not exist`,
      span: name.span,
      hint: didYouMean(
        name.name,
        columns.map((known) => known.name),
      ),
    });
  });
}
