/**
 * Puts the values of nested Parquet columns together: leaves as hyparquet gives them, an array for
 * each optional group and each repeated node on the way to the leaf, become lists, maps (lists of
 * keys and values) and records (arrays). Owns only that; what values are is parquet-schema.ts.
 */
import type { SchemaTree } from 'hyparquet';
import { listElement, mapEntry } from './parquet-schema.js';

/** The value of one row; null is NULL. */
export type RowValue = (row: number) => unknown;

/** A value of the leaves below a node, one for each, in the order of the schema. */
type Leaves = readonly unknown[];
type Assemble = (leaves: Leaves) => unknown;

/** How many leaves are below. */
function leafCount(node: SchemaTree): number {
  return node.children.length === 0
    ? 1
    : node.children.reduce((count, child) => count + leafCount(child), 0);
}

/** Takes the leaves of a column's row; throws where they do not fit one another. */
export function assembler(node: SchemaTree): Assemble {
  const { repetition_type: repetition } = node.element;
  const isLeaf = node.children.length === 0;
  if (repetition === 'REPEATED') {
    const one = isLeaf ? first : recordOf(node);
    return (leaves) => items(leaves).map(one);
  }
  if (isLeaf) return first;
  const one = groupOf(node);
  if (repetition === 'REQUIRED') return one;
  return (leaves) => {
    const [present] = items(leaves);
    return present === undefined ? null : one(present);
  };
}

/** What stands in a group that is there. */
function groupOf(node: SchemaTree): Assemble {
  const [repeated] = node.children;
  const element = listElement(node);
  if (element !== null && repeated !== undefined) {
    if (element.isRepeated) return assembler(repeated);
    const one = assembler(element.node);
    return (leaves) => items(leaves).map(one);
  }
  const entry = mapEntry(node);
  if (entry === null) return recordOf(node);
  const [key, value] = [assembler(entry.key), assembler(entry.value)];
  const keys = leafCount(entry.key);
  return (leaves) =>
    items(leaves).map((each) => [key(each.slice(0, keys)), value(each.slice(keys))]);
}

function recordOf(node: SchemaTree): Assemble {
  let at = 0;
  const fields = node.children.map((child) => {
    const from = at;
    at += leafCount(child);
    const to = at;
    const assemble = assembler(child);
    return (leaves: Leaves) => assemble(leaves.slice(from, to));
  });
  return (leaves) => fields.map((field) => field(leaves));
}

function first(leaves: Leaves): unknown {
  return leaves[0] ?? null;
}

/** The leaves of each item of a list of any length, 0 or 1 for what is optional. */
function items(leaves: Leaves): readonly Leaves[] {
  const [some] = leaves;
  if (!Array.isArray(some)) throw new Error('a list is none');
  return some.map((_, index) =>
    leaves.map((leaf) => {
      if (Array.isArray(leaf) && leaf.length === some.length) return leaf[index] as unknown;
      throw new Error('lists of one record differ in length');
    }),
  );
}
