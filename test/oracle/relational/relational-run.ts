/**
 * Runs relational queries on velo and on DuckDB over the same tables and judges them: several
 * queries are one job, so that a query costs little; where one of them fails, each is a job of its
 * own. Owns the tables' files and what counts as refused and as passed over.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { runQueries } from '../../support/run-sql.js';
import type { RunSqlOptions } from '../../support/run-sql.js';
import { differences, duckRow, remaining, veloRow } from '../random-answers.js';
import type { Answer } from '../random-answers.js';
import type { RelationalQuery } from './relational-query.js';
import { TABLE_NAMES, duckStatements, veloDeclarations } from './relational-tables.js';
import type { TableName, TableRows } from './relational-tables.js';

export type Way = 'final' | 'changes';

/** How a job is run. */
export interface Shape {
  readonly way: Way;
  readonly batchRows: number;
  /** null: V1. */
  readonly partitioned: { readonly partitions: number; readonly workers: number } | null;
}

export type Verdict =
  | { readonly kind: 'same'; readonly rows: number }
  /** By velo, when it is bound, with its code. */
  | { readonly kind: 'refused'; readonly why: string }
  /** A data error on one side, overflow or a conversion, or DuckDB's own assertion that failed. */
  | { readonly kind: 'passed over'; readonly why: string }
  /** From DuckDB, or one of the two does not take it for another reason. */
  | { readonly kind: 'different'; readonly why: string; readonly isRefusal: boolean };

/** The lines of each query of one job; null when it failed. */
export interface Given {
  readonly lines: readonly (readonly string[])[] | null;
  readonly errorText: string;
}

const DATA_ERRORS = /error\[(VELO_NUMERIC_OVERFLOW|VELO_CAST_FAILED|VELO_CONVERT)\]/;
const DUCKDB_PASSED_OVER = /Out of Range|Conversion Error|INTERNAL Error/;
const REFUSALS = /error\[(VELO_\w+)\]/;
const EXIT_REFUSED = 2;

export class RelationalRun {
  private readonly folder = mkdtempSync(join(tmpdir(), 'velo-relational-'));
  private readonly duckdb: DuckDBConnection;
  private rows: TableRows | null = null;
  /** Both ways mostly have one answer. */
  private last: {
    readonly text: string;
    readonly tables: TableRows | null;
    readonly answer: Answer[] | Verdict;
  } | null = null;

  private constructor(duckdb: DuckDBConnection) {
    this.duckdb = duckdb;
  }

  static async open(): Promise<RelationalRun> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    const duckdb = await instance.connect();
    await duckdb.run('SET order_by_non_integer_literal = true');
    // DuckDB 1.5.6 pushes what a join looks for below a LIMIT of its other input: wrong rows.
    await duckdb.run("SET disabled_optimizers = 'join_filter_pushdown'");
    return new RelationalRun(duckdb);
  }

  close(): void {
    this.duckdb.closeSync();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async fill(rows: TableRows): Promise<void> {
    if (this.rows === rows) return;
    this.rows = rows;
    for (const name of TABLE_NAMES) {
      writeFileSync(this.path(name), rows[name].map(({ json }) => json).join(''));
    }
    await this.duckdb.run(duckStatements(rows));
  }

  /** Runs the queries as a job in each shape, over the tables as they were last filled. */
  start(queries: readonly RelationalQuery[], shapes: readonly [Shape, Shape]): Promise<Given[]> {
    return Promise.all(shapes.map((shape) => this.together(queries, shape)));
  }

  /** What was given of each query in each shape. */
  async judgeGiven(
    queries: readonly RelationalQuery[],
    shapes: readonly [Shape, Shape],
    given: readonly Given[],
  ): Promise<(readonly [Verdict, Verdict])[]> {
    const [one, two] = given as [Given, Given];
    const verdicts: (readonly [Verdict, Verdict])[] = [];
    for (const [at, query] of queries.entries()) {
      const first = await this.verdict(query, shapes[0], one.lines?.[at] ?? null);
      verdicts.push([first, await this.verdict(query, shapes[1], two.lines?.[at] ?? null)]);
    }
    const failed = given.findIndex(({ lines }) => lines === null);
    if (failed >= 0 && verdicts.every((pair) => pair[failed]?.kind === 'same')) {
      const why = `fails only with the others of its job: ${given[failed]?.errorText ?? ''}`;
      verdicts[0] = [
        { kind: 'different', why, isRefusal: true },
        (verdicts[0] as [Verdict, Verdict])[1],
      ];
    }
    return verdicts;
  }

  async judge(query: RelationalQuery, shape: Shape): Promise<Verdict> {
    return this.verdict(query, shape, null);
  }

  private async together(queries: readonly RelationalQuery[], shape: Shape): Promise<Given> {
    const ran = await runQueries(this.job(queries, shape.way), runOptions(shape));
    return { lines: ran.exit === 0 ? ran.lines : null, errorText: ran.errorText };
  }

  private job(queries: readonly RelationalQuery[], way: Way): string {
    const emit = way === 'final' ? '\nEMIT FINAL' : '';
    const declarations = veloDeclarations((name) => this.path(name));
    return declarations + queries.map(({ velo }) => `${velo}${emit};\n`).join('\n');
  }

  private path(name: TableName): string {
    return join(this.folder, `${name}.jsonl`);
  }

  private async verdict(
    query: RelationalQuery,
    shape: Shape,
    given: readonly string[] | null,
  ): Promise<Verdict> {
    const lines = given ?? (await this.alone(query, shape));
    if ('kind' in lines) return lines;
    const want = await this.wanted(query.duck);
    if ('kind' in want) return want;
    const why = faultsOf(lines.map(veloRow), want, query, shape.way).slice(0, 6).join('\n');
    return why === ''
      ? { kind: 'same', rows: want.length }
      : { kind: 'different', why, isRefusal: false };
  }

  private async alone(query: RelationalQuery, shape: Shape): Promise<readonly string[] | Verdict> {
    const ran = await runQueries(this.job([query], shape.way), runOptions(shape));
    if (ran.exit === 0) return ran.lines[0] ?? [];
    const code = REFUSALS.exec(ran.errorText)?.[1];
    if (ran.exit === EXIT_REFUSED && code !== undefined) return { kind: 'refused', why: code };
    const why = DATA_ERRORS.exec(ran.errorText)?.[1];
    if (why !== undefined) return { kind: 'passed over', why };
    return { kind: 'different', why: ran.errorText, isRefusal: true };
  }

  private async wanted(text: string): Promise<Answer[] | Verdict> {
    if (this.last?.text === text && this.last.tables === this.rows) return this.last.answer;
    const answer = await this.duckAnswer(text);
    this.last = { text, tables: this.rows, answer };
    return answer;
  }

  private async duckAnswer(text: string): Promise<Answer[] | Verdict> {
    try {
      const reader = await this.duckdb.runAndReadAll(text);
      return reader.getRows().map(duckRow);
    } catch (error) {
      const message = String(error);
      const why = DUCKDB_PASSED_OVER.exec(message)?.[0];
      if (why !== undefined) return { kind: 'passed over', why: `DuckDB: ${why}` };
      return {
        kind: 'different',
        why: `DuckDB does not take it: ${message}\n${text}`,
        isRefusal: true,
      };
    }
  }
}

function runOptions({ batchRows, partitioned }: Shape): RunSqlOptions {
  return { batchRows, changelog: true, ...(partitioned === null ? {} : { partitioned }) };
}

/** EMIT FINAL takes nothing back; what changes leave is the answer; every digit is right. */
function faultsOf(
  changes: readonly Answer[],
  want: readonly Answer[],
  { rough, isOrdered }: RelationalQuery,
  way: Way,
): string[] {
  const back = way === 'final' ? changes.filter(([op]) => op !== '+I') : [];
  if (back.length > 0) return [`EMIT FINAL takes back: ${JSON.stringify(back[0])}`];
  let rows: readonly Answer[];
  try {
    rows = remaining(changes);
  } catch (error) {
    return [String(error)];
  }
  const isRough = (column: number): boolean => rough[column] ?? false;
  if (way === 'changes') return differences(rows, want, { ordered: false, isRough });
  return differences(
    changes.map(([, ...row]) => row),
    want,
    { ordered: isOrdered, isRough },
  );
}
