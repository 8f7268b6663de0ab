/**
 * A script → the plan of its job: statements in order, names into the catalog, every query bound,
 * optimised and built. Owns the statements, what goes into which sink, and the numbering of
 * queries. All faults of all statements are collected; there is a plan only when there is none.
 */
import type { SourceText, SqlError } from '../base/errors.js';
import type { Span } from '../base/span.js';
import type {
  Annotation,
  CreateAs,
  Insert,
  Query,
  Script,
  SelectStatement,
  Statement,
} from '../sql/ast.js';
import type { BinderEnvironment, QuotedSchema } from './binder-environment.js';
import { bindQuery, visibleOnly } from './binder-query.js';
import { calcChain } from './calc-fusion.js';
import { Catalog } from './catalog.js';
import { checkPlainEmit } from './changelog-mode.js';
import { FaultCollector } from './faults.js';
import { isBounded } from './logical-plan.js';
import type { LogicalNode, LogicalQuery } from './logical-plan.js';
import { optimize } from './optimizer.js';
import { buildPipeline } from './pipeline-builder.js';
import type { JobPlan, PipelineNode, QueryPlan } from './pipeline-plan.js';
import type { TableDefinition } from './schema.js';
import type { Relation } from './scope.js';
import { SettingsBinder } from './settings.js';
import type { BoundSettings } from './settings.js';
import { fitSink, keyColumnsOf } from './sink-plan.js';
import { bindOptions, defineTable, isBoundedSource } from './table-definition.js';

export type { QuotedSchema } from './binder-environment.js';

export interface PlanOptions {
  /** From the command line: they win over SET. */
  readonly settings: Readonly<Record<string, string>>;
  /** From the environment and velo.yaml: SET wins over them. Default: none. */
  readonly defaults?: Readonly<Record<string, string>>;
  /** The sink shows the op of each row: GROUP BY emits retractions. */
  readonly changelog: boolean;
  /** Schemas of the sources that quotedSources() names, by URI. */
  readonly quotedSchemas: ReadonlyMap<string, QuotedSchema>;
}

export interface PlannedScript {
  readonly plan: JobPlan | null;
  readonly faults: SqlError[];
}

export function planScript(
  script: Script,
  source: SourceText,
  options: PlanOptions,
): PlannedScript {
  const planner = new Planner(script, source, options);
  for (const statement of script.statements) planner.plan(statement);
  return planner.result();
}

/** Every FROM '…' of a script, whose schema must be known before it is planned. */
export function quotedSources(script: Script): { readonly uri: string; readonly span: Span }[] {
  const found: { uri: string; span: Span }[] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    if ('kind' in node && node.kind === 'quoted-source') {
      const { uri, span } = node as unknown as { uri: string; span: Span };
      found.push({ uri, span });
    }
    for (const part of Object.values(node)) visit(part);
  };
  visit(script);
  return found;
}

interface QueryParts {
  readonly relation: Relation;
  readonly query: Query;
  readonly settings: BoundSettings;
  readonly sink: TableDefinition | null;
  /** The columns of INSERT INTO sink (a, b); null: all, in order. */
  readonly insert: Insert | null;
}

class Planner {
  private readonly faults: FaultCollector;
  private readonly options: PlanOptions;
  private readonly catalog: Catalog;
  private readonly settings: SettingsBinder;
  private readonly warnings: string[] = [];
  private readonly queries: QueryPlan[] = [];
  private readonly logical: LogicalQuery[] = [];

  constructor(script: Script, source: SourceText, options: PlanOptions) {
    this.faults = new FaultCollector(source);
    this.options = options;
    this.catalog = new Catalog(
      script.statements.flatMap((statement) =>
        statement.kind === 'create-table' || statement.kind === 'create-as' ? [statement.name] : [],
      ),
    );
    this.settings = new SettingsBinder(this.faults, {
      overrides: options.settings,
      defaults: options.defaults ?? {},
      warn: this.warn,
    });
  }

  private readonly warn = (line: string): void => {
    if (!this.warnings.includes(line)) this.warnings.push(line);
  };

  plan(statement: Statement): void {
    this.faults.attempt(() => {
      switch (statement.kind) {
        case 'set':
          return this.settings.set(statement);
        case 'create-table': {
          const { faults, catalog } = this;
          const { ifNotExists, name } = statement;
          if (!catalog.declare(faults, name, ifNotExists, name.span)) return;
          const table = faults.attempt(() => defineTable(faults, statement));
          const entry = { name: name.name };
          return catalog.add(
            table === null ? { kind: 'broken', ...entry } : { kind: 'table', ...entry, table },
          );
        }
        case 'create-as':
          return this.createAs(statement);
        case 'insert':
          return this.insert(statement);
        case 'select-statement':
          return this.select(statement);
      }
    });
  }

  result(): PlannedScript {
    const { faults } = this.faults;
    if (faults.length > 0) {
      const sorted = [...faults].sort((a, b) => (a.span?.start ?? 0) - (b.span?.start ?? 0));
      return { plan: null, faults: sorted };
    }
    const { queries, logical, warnings } = this;
    return { plan: { queries, logical, warnings }, faults };
  }

  private environment(): BinderEnvironment {
    const { faults, catalog, options } = this;
    const { quotedSchemas } = options;
    return { faults, catalog, quotedSchemas, ctes: [], isOutermost: true };
  }

  /** Binds the query of a statement; its annotations are read even when it is at fault. */
  private bind(
    query: Query,
    annotations: readonly Annotation[],
  ): {
    readonly relation: Relation;
    readonly settings: BoundSettings;
  } {
    const settings = this.settings.forQuery(annotations);
    return { relation: bindQuery(this.environment(), query), settings };
  }

  private select(statement: SelectStatement): void {
    const { query } = statement;
    const { relation, settings } = this.bind(query, statement.annotations);
    this.build({ relation, query, settings, sink: this.intoSink(query, relation), insert: null });
  }

  /** SELECT … INTO sink [WITH (…)]: a declared table, or one that the options declare. */
  private intoSink(query: Query, relation: Relation): TableDefinition | null {
    const { faults, catalog } = this;
    const { into, options } = query;
    if (into === null) {
      const [option] = options;
      if (option !== undefined) {
        faults.fail('STATEMENT_INVALID', {
          message: 'WITH (…) behind a SELECT needs INTO sink',
          span: option.span,
          hint: "write SELECT … INTO sink WITH ('connector' = '…')",
        });
      }
      return null;
    }
    if (catalog.find(into) === undefined && options.some(({ key }) => key === 'connector')) {
      const { connector, rest } = bindOptions(faults, into, options);
      return sinkOf(into.name, relation, { connector, rest });
    }
    return this.writable(catalog.get(faults, into), into.span);
  }

  private writable(entry: ReturnType<Catalog['get']>, span: Span): TableDefinition {
    const table = entry.kind === 'table' ? entry.table : entry.sink;
    if (table !== null && table.connector !== 'generator') return table;
    return this.faults.fail('STATEMENT_INVALID', {
      message:
        table === null
          ? `"${entry.name}" is a view: it takes no rows`
          : `"${entry.name}" is a generator: it takes no rows`,
      span,
      hint: 'declare a sink with CREATE TABLE … WITH (…)',
    });
  }

  private insert(statement: Insert): void {
    const { faults, catalog } = this;
    const sink = faults.attempt(() =>
      this.writable(catalog.get(faults, statement.target), statement.target.span),
    );
    const { query } = statement;
    const { relation, settings } = this.bind(query, statement.annotations);
    if (query.into !== null) {
      faults.fail('STATEMENT_INVALID', {
        message: 'INSERT INTO and INTO name two sinks',
        span: query.into.span,
      });
    }
    if (sink !== null) this.build({ relation, query, settings, sink, insert: statement });
  }

  /** A view for later queries and, with options, a query into that sink. */
  private createAs(statement: CreateAs): void {
    const { faults, catalog } = this;
    const { name, query, options } = statement;
    if (!catalog.declare(faults, name, statement.ifNotExists, name.span)) return;
    const bound = faults.attempt(() => {
      const parts = this.bind(query, statement.annotations);
      const sink =
        options.length === 0
          ? null
          : sinkOf(name.name, parts.relation, bindOptions(faults, name, options));
      if (sink === null) this.refuseViewEmit(query, parts.relation.node);
      return { ...parts, sink };
    });
    if (bound === null) {
      catalog.add({ kind: 'broken', name: name.name });
      return;
    }
    const { relation, settings, sink } = bound;
    catalog.add({ kind: 'view', name: name.name, relation, sink });
    if (sink !== null) this.build({ relation, query, settings, sink, insert: null });
  }

  /** A view has no output of its own: EMIT that would change its rows is refused. */
  private refuseViewEmit(query: Query, node: LogicalNode): void {
    const { emit } = query;
    if (emit === null) return;
    const { base } = calcChain(node);
    const changesRows =
      emit.mode === 'final' ? base.kind === 'aggregate' : base.kind === 'window-aggregate';
    if (!changesRows) return;
    this.faults.fail('EMIT_INVALID', {
      message: 'EMIT speaks of what a query writes: a stream without WITH (…) writes nothing',
      span: emit.span,
      hint: 'write EMIT on the query that reads it',
    });
  }

  private build(parts: QueryParts): void {
    const { faults, options } = this;
    const { query, settings, sink } = parts;
    const id = `query-${this.queries.length + 1}`;
    const visible = visibleOnly(parts.relation);
    const bound =
      sink === null ? visible.node : fitSink(faults, visible.node, { sink, insert: parts.insert });
    const emit = query.emit === null ? null : { mode: query.emit.mode, span: query.emit.span };
    const root = optimize(faults, bound);
    if (!hasGroups(root)) checkPlainEmit({ faults, emit, bounded: isBounded(root) }, query.span);
    const pipeline = buildPipeline(root, {
      faults,
      names: nodeNames(id),
      settings,
      emit,
      isOrderedOrLimited: query.orderBy.length > 0 || query.limit !== null,
      changelog: options.changelog || needsTombstones(sink, root),
      warn: this.warn,
    });
    this.logical.push({ id, root, emit, sink: sink?.name ?? null });
    this.queries.push({
      id,
      root: pipeline,
      sink: {
        table: sink,
        schema: root.schema,
        keyColumns: keyColumnsOf(pipeline, sink, root.schema),
      },
      changelog: options.changelog,
      settings: { batchSize: settings.batchSize, annotations: settings.annotations },
    });
  }
}

/** Whether the outermost operator behind filters, ORDER BY and LIMIT groups. */
function hasGroups(node: LogicalNode): boolean {
  const { base } = calcChain(node);
  if (base.kind === 'sort' || base.kind === 'limit') return hasGroups(base.input);
  return base.kind === 'aggregate' || base.kind === 'window-aggregate';
}

/**
 * A topic of latest rows must be told which rows are gone: by HAVING, by a ranking, or because what
 * was grouped was taken back. A plain GROUP BY only ever adds and changes rows, and is spared the
 * −U that would come before each +U.
 */
function needsTombstones(sink: TableDefinition | null, root: LogicalNode): boolean {
  if (sink?.connector !== 'kafka' || sink.primaryKey.length === 0) return false;
  const { base, stages } = calcChain(root);
  if (base.kind === 'top-n') return true;
  if (base.kind !== 'aggregate') return false;
  const hasHaving = stages.some(({ filter }) => filter !== null);
  return hasHaving || calcChain(base.input).base.kind !== 'scan';
}

/** A sink that takes the columns of a query as they are. */
function sinkOf(
  name: string,
  relation: Relation,
  options: { readonly connector: string; readonly rest: Readonly<Record<string, string>> },
): TableDefinition {
  const physical = relation.columns
    .filter((column) => !column.hidden)
    .map(({ name: column, type }) => ({ name: column, type }));
  const { connector, rest } = options;
  return {
    name,
    connector,
    options: rest,
    physical,
    columns: physical.map((column, index) => ({ kind: 'physical', ...column, index })),
    watermark: null,
    primaryKey: [],
    bounded: isBoundedSource(connector, rest),
  };
}

function nodeNames(query: string): { readonly next: (kind: PipelineNode['kind']) => string } {
  const counts = new Map<string, number>();
  return {
    next: (kind) => {
      const count = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, count);
      return `${query}/${kind}-${count}`;
    },
  };
}
