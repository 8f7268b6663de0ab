/**
 * The values of a column in a row group as hyparquet reads them, a JavaScript value a row: nested
 * columns and rare encodings. Owns how hyparquet is asked; flat columns are pages/flat-chunk.ts,
 * putting nested values together is parquet-nesting.ts.
 */
import type { RowGroup, SchemaTree } from 'hyparquet';
import { readColumn } from 'hyparquet/src/column.js';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { compressors } from 'hyparquet-compressors';
import { assert } from '../../base/assert.js';
import type { PlacedBytes } from '../container/container.js';
import { chunkBytes, chunkOf } from './parquet-footer.js';
import { assembler } from './parquet-nesting.js';
import type { RowValue } from './parquet-nesting.js';
import { leafElement } from './parquet-schema.js';

type Values = ArrayLike<unknown>;

/** INT96 as nanoseconds; nothing else is converted. */
const PARSERS = { ...DEFAULT_PARSERS, timestampFromNanoseconds: (nanos: bigint) => nanos };

export interface ColumnPlace {
  readonly bytes: PlacedBytes;
  readonly group: RowGroup;
  readonly root: SchemaTree;
  /** The column, a child of the root. */
  readonly node: SchemaTree;
}

/** Reads them all; the value of a row by its number. Throws whatever hyparquet does. */
export function readValues(place: ColumnPlace): RowValue {
  const { node } = place;
  const leaves = leavesOf(node).map((path) => readLeaf(place, path));
  const [only] = leaves;
  assert(only !== undefined, 'every column has a leaf');
  if (node.children.length === 0 && node.element.repetition_type !== 'REPEATED') {
    return (row) => only[row] ?? null;
  }
  const assemble = assembler(node);
  return (row) => assemble(leaves.map((leaf) => leaf[row]));
}

function readLeaf({ bytes, group, root }: ColumnPlace, path: readonly SchemaTree[]): Values {
  const leaf = path.at(-1);
  assert(leaf !== undefined, 'a path to a leaf ends there');
  const meta = chunkOf(
    group,
    path.map(({ element }) => element.name),
  );
  const view = chunkBytes(bytes, meta);
  const decoder: Parameters<typeof readColumn>[2] = {
    pathInSchema: meta.path_in_schema,
    type: meta.type,
    codec: meta.codec,
    element: leafElement(leaf.element),
    schemaPath: [root, ...path],
    parsers: PARSERS,
    compressors,
    utf8: false,
  };
  const reader = { view: new DataView(view.buffer, view.byteOffset, view.length), offset: 0 };
  const records = Number(group.num_rows);
  const rows = { groupStart: 0, selectStart: 0, selectEnd: records, groupRows: records };
  const { data } = readColumn(reader, rows, decoder);
  const values = joined(data);
  if (values.length === records) return values;
  throw new Error(`it has ${values.length} values for ${records} rows`);
}

/** The paths from a column to its leaves. */
function leavesOf(node: SchemaTree): readonly (readonly SchemaTree[])[] {
  if (node.children.length === 0) return [[node]];
  return node.children.flatMap((child) => leavesOf(child).map((path) => [node, ...path]));
}

/** Pages behind one another; mostly there is one array already. */
function joined(pages: readonly Values[]): Values {
  const [only] = pages;
  if (only !== undefined && pages.length === 1) return only;
  const values: unknown[] = [];
  for (const page of pages) {
    for (let at = 0; at < page.length; at += 1) values.push(page[at]);
  }
  return values;
}
