/**
 * The tables of a planned job, asked once more about what only loading their formats can say. Owns
 * which columns are asked about and where in the text a fault lies.
 */
import { SqlError } from '../base/errors.js';
import type { SourceText } from '../base/errors.js';
import { verifyTable } from '../connectors/registry.js';
import type { JobPlan } from '../plan/pipeline/pipeline-plan.js';
import { scansOf } from '../plan/pipeline/pipeline-plan.js';
import type { PhysicalColumn, TableDefinition } from '../plan/schema.js';
import type { Option, Script } from '../sql/ast.js';

export async function verifyTables(
  { queries }: JobPlan,
  script: Script,
  source: SourceText,
): Promise<SqlError[]> {
  const faults: SqlError[] = [];
  const ask = async (table: TableDefinition, columns: readonly PhysicalColumn[]): Promise<void> => {
    for (const { key, message, hint } of await verifyTable(table, columns)) {
      if (faults.some((fault) => fault.message === message)) continue;
      const option = writtenOptions(script, table.name).findLast((each) => each.key === key);
      const place = option === undefined ? {} : { source, span: option.valueSpan };
      faults.push(new SqlError('SETTING_INVALID', { message, hint, ...place }));
    }
  };
  for (const { root, sink } of queries) {
    for (const { table, physical } of scansOf(root)) {
      await ask(
        table,
        physical.flatMap((at) => table.physical[at] ?? []),
      );
    }
    // What a sink's schema takes shows when rows are encoded; here it is only read.
    if (sink.table !== null) await ask(sink.table, []);
  }
  return faults;
}

function writtenOptions({ statements }: Script, name: string): readonly Option[] {
  const declared = statements.findLast(
    (statement) => statement.kind === 'create-table' && statement.name.name === name,
  );
  return declared?.kind === 'create-table' ? declared.options : [];
}
