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
  Identifier,
  Insert,
  Option,
  Query,
  Script,
  SelectStatement,
  Statement,
} from '../sql/ast.js';
import { walkScript } from '../sql/walk.js';
import type { BinderEnvironment, QuotedSchema, UnknownSchema } from './bind/binder-environment.js';
import { bindQuery, visibleOnly } from './bind/binder-query.js';
import { calcChain } from './logical/calc-fusion.js';
import { Catalog } from './catalog.js';
import type { ConnectorCatalog } from './connector-facts.js';
import { FaultCollector } from './faults.js';
import { inArrivalOrder } from './logical/arrival-order.js';
import { finalRows } from './logical/final-rows.js';
import type { LogicalNode, LogicalQuery } from './logical/logical-plan.js';
import { optimize } from './optimizer.js';
import { buildPipeline } from './pipeline/pipeline-builder.js';
import type { JobPlan, PipelineNode, QueryPlan } from './pipeline/pipeline-plan.js';
import { CHANGELOG_COLUMN, distinctNames } from './output-names.js';
import type { Schema, TableDefinition } from './schema.js';
import type { Relation } from './bind/scope.js';
import { SettingsBinder } from './query-settings.js';
import type { BoundSettings } from './query-settings.js';
import { fitSink, keyColumnsOf } from './sink-plan.js';
import type { TextWarning } from '../sql/grammar/lexer.js';
import { bindOptions, checkTable, placed } from './bind/connector-options.js';
import { connectorOptions, defineTable } from './bind/table-definition.js';
import { hinted } from './bind/binder-relation.js';

export type { QuotedSchema } from './bind/binder-environment.js';

export interface PlanOptions {
  /** From the command line: they win over SET. */
  readonly settings: Readonly<Record<string, string>>;
  /** From the environment and velo.yaml: SET wins over them. Default: none. */
  readonly defaults?: Readonly<Record<string, string>>;
  /** The sink shows the op of each row: GROUP BY emits retractions. */
  readonly changelog: boolean;
  /** Schemas of the sources that quotedSources() names, by URI. */
  readonly quotedSchemas: ReadonlyMap<string, QuotedSchema | UnknownSchema>;
  readonly connectors: ConnectorCatalog;
  /** What the text says in vain, as parsing found it. Default: nothing. */
  readonly warnings?: readonly TextWarning[];
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
  walkScript(script, {
    relation: (relation) => {
      if (relation.kind === 'quoted-source') {
        found.push({ uri: relation.uri, span: relation.uriSpan });
      }
      return undefined;
    },
  });
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
    for (const { message, span } of options.warnings ?? []) {
      this.warn(placed(this.faults, span, message));
    }
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
          const table = faults.attempt(() => defineTable(this.environment(), statement));
          const entry = { name: name.name };
          return catalog.add(
            table === null
              ? { kind: 'broken', ...entry }
              : { kind: 'table', ...entry, table, statement },
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
    const { quotedSchemas, connectors } = options;
    const { warn } = this;
    const shared = { faults, catalog, quotedSchemas, connectors, warn, bindQuery };
    return { ...shared, ctes: [], isOutermost: true };
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
    const [option] = options;
    if (into === null) {
      if (option === undefined) return null;
      return faults.fail('STATEMENT_INVALID', {
        message: 'WITH (…) behind a SELECT needs INTO sink',
        span: option.span,
        hint: "write SELECT … INTO sink WITH ('connector' = '…')",
      });
    }
    const known = catalog.find(into);
    if (known === undefined && option !== undefined) {
      return this.sinkOf(into, relation, options);
    }
    if (option !== undefined) {
      faults.report('STATEMENT_INVALID', {
        message: `"${into.name}" is declared above: WITH (…) cannot give it other options`,
        span: option.span,
        hint: 'change its declaration, or name another sink',
      });
    }
    return this.writable(catalog.get(faults, into), { name: into, hints: [] });
  }

  /** A sink that takes the columns of a query as they are. */
  private sinkOf(
    name: Identifier,
    relation: Relation,
    written: readonly Option[],
  ): TableDefinition {
    const context = this.environment();
    const { facts, rest } = bindOptions(context, name, written);
    if (!facts.writes) return this.refuseSink(name.name, facts.name, name.span);
    const physical = this.outputColumns(visibleColumns(relation));
    const table: TableDefinition = {
      name: name.name,
      connector: facts.name,
      options: connectorOptions(rest),
      physical,
      columns: physical.map((column, index) => ({ kind: 'physical', ...column, index })),
      watermark: null,
      primaryKey: [],
      bounded: facts.isBounded(rest),
    };
    checkTable(context, table, { written, name: name.span, use: 'written' });
    return table;
  }

  private writable(
    entry: ReturnType<Catalog['get']>,
    at: { readonly name: Identifier; readonly hints: readonly Option[] },
  ): TableDefinition {
    const { faults } = this;
    const { span } = at.name;
    if (entry.kind === 'view') {
      if (entry.sink !== null) return entry.sink;
      return faults.fail('STATEMENT_INVALID', {
        message: `"${entry.name}" is a view: it takes no rows`,
        span,
        hint: 'declare a sink with CREATE TABLE … WITH (…)',
      });
    }
    const context = this.environment();
    const { table, written } = hinted(context, entry, at.hints);
    const facts = context.connectors.find(table.connector);
    if (facts?.writes !== true) return this.refuseSink(entry.name, table.connector, span);
    checkTable(context, table, { written, name: span, use: 'written' });
    return table;
  }

  private refuseSink(name: string, connector: string, span: Span): never {
    return this.faults.fail('STATEMENT_INVALID', {
      message: `"${name}" is a ${connector}: it takes no rows`,
      span,
      hint: 'declare a sink with CREATE TABLE … WITH (…)',
    });
  }

  private insert(statement: Insert): void {
    const { faults, catalog } = this;
    const sink = faults.attempt(() =>
      this.writable(catalog.get(faults, statement.target), {
        name: statement.target,
        hints: statement.hints,
      }),
    );
    const { query } = statement;
    const { relation, settings } = this.bind(query, statement.annotations);
    if (query.into !== null) {
      faults.fail('STATEMENT_INVALID', {
        message: 'INSERT INTO and INTO name two sinks',
        span: query.into.span,
      });
    }
    this.refuseOptions(query, 'an INSERT INTO');
    if (sink !== null) this.build({ relation, query, settings, sink, insert: statement });
  }

  /** A view for later queries and, with options or INTO, a query into that sink. */
  private createAs(statement: CreateAs): void {
    const { faults, catalog } = this;
    const { name, query } = statement;
    if (!catalog.declare(faults, name, statement.ifNotExists, name.span)) return;
    const bound = faults.attempt(() => {
      const parts = this.bind(query, statement.annotations);
      const sink = this.sinkOfView(statement, parts.relation);
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

  /** Options before AS or behind the query, which say the same; or the sink that INTO names. */
  private sinkOfView(statement: CreateAs, relation: Relation): TableDefinition | null {
    const { name, query, options } = statement;
    const [head] = options;
    if (query.into !== null) {
      if (head !== undefined) {
        this.faults.fail('STATEMENT_INVALID', {
          message: `WITH (…) of "${name.name}" and INTO name two sinks`,
          span: query.into.span,
        });
      }
      return this.intoSink(query, relation);
    }
    if (head !== undefined) this.refuseOptions(query, `"${name.name}", which has some before AS`);
    const given = head === undefined ? query.options : options;
    return given.length === 0 ? null : this.sinkOf(name, relation, given);
  }

  /** WITH (…) behind a query whose sink is declared elsewhere. */
  private refuseOptions({ options }: Query, where: string): void {
    const [option] = options;
    if (option === undefined) return;
    this.faults.report('STATEMENT_INVALID', {
      message: `WITH (…) has no meaning behind ${where}`,
      span: option.span,
      hint: 'write the options where the sink is declared',
    });
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

  /** What `op` of a changelog leaves of the names of `columns`, each once. */
  private outputColumns<T extends Schema[number]>(columns: readonly T[]): readonly T[] {
    return distinctNames(columns, this.options.changelog ? [CHANGELOG_COLUMN] : []);
  }

  private build(parts: QueryParts): void {
    const { faults, options } = this;
    const { query, settings, sink } = parts;
    const id = `query-${this.queries.length + 1}`;
    const visible = visibleOnly(parts.relation);
    const bound =
      sink === null ? visible.node : fitSink(faults, visible.node, { sink, insert: parts.insert });
    const emit = query.emit === null ? null : { mode: query.emit.mode, span: query.emit.span };
    const optimized = optimize(faults, bound);
    const groupsAtEnd = emit?.mode === 'final';
    const root = finalRows({ faults, emit }, inArrivalOrder(optimized, groupsAtEnd));
    const pipeline = buildPipeline(root, {
      faults,
      names: nodeNames(id),
      settings,
      emit,
      isOrderedOrLimited: query.orderBy.length > 0 || query.limit !== null,
      changelog: options.changelog || this.needsTombstones(sink, root),
      warn: this.warn,
    });
    this.logical.push({ id, root, emit, sink: sink?.name ?? null });
    this.queries.push({
      id,
      root: pipeline,
      sink: {
        table: sink,
        schema: sink === null ? this.outputColumns(root.schema) : root.schema,
        keyColumns: keyColumnsOf(pipeline, sink, root.schema),
      },
      changelog: options.changelog,
      settings: { batchSize: settings.batchSize, annotations: settings.annotations },
    });
  }

  /**
   * A topic of latest rows must be told which rows are gone: by HAVING, by a ranking, or because what
   * was grouped was taken back. A plain GROUP BY only ever adds and changes rows, and is spared the
   * −U that would come before each +U.
   */
  private needsTombstones(sink: TableDefinition | null, root: LogicalNode): boolean {
    if (sink === null || sink.primaryKey.length === 0) return false;
    if (this.options.connectors.find(sink.connector)?.wantsTombstones !== true) return false;
    const { base, stages } = calcChain(root);
    if (base.kind === 'top-n') return true;
    if (base.kind !== 'aggregate') return false;
    const hasHaving = stages.some(({ filter }) => filter !== null);
    return hasHaving || calcChain(base.input).base.kind !== 'scan';
  }
}

function visibleColumns(relation: Relation): Schema {
  return relation.columns
    .filter((column) => !column.hidden)
    .map(({ name, type }) => ({ name, type }));
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
