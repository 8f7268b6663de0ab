/**
 * What the state of an operator means: the operator itself and all that its rows went through below
 * it. Owns what counts for that (names, aliases and positions do not, nor what stands above the
 * operator) and finding the place where two of them differ.
 */
import { pipelineInputs } from './pipeline/pipeline-plan.js';
import type { PipelineNode, ScanNode } from './pipeline/pipeline-plan.js';

/** By id, of every operator of a query, scans among them: a text that is equal where state fits. */
export function stateSignatures(
  root: PipelineNode,
  sourceKey: (scan: ScanNode) => string | null,
): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (node: PipelineNode): unknown => {
    const inputs = pipelineInputs(node).map(visit);
    const own = node.kind === 'scan' ? scanFacts(node, sourceKey(node)) : operatorFacts(node);
    const facts = inputs.length === 0 ? own : { ...own, inputs };
    found.set(node.id, JSON.stringify(facts, exact));
    return facts;
  };
  visit(root);
  return found;
}

function scanFacts(scan: ScanNode, source: string | null): Record<string, unknown> {
  const { table, physical, system } = scan;
  const columns = physical.map((index) => {
    const column = table.physical[index];
    return { name: column?.name, type: column?.type };
  });
  return {
    kind: 'scan',
    connector: table.connector,
    source: source ?? table.name,
    columns,
    system,
  };
}

/** Names, and inputs, which have facts of their own. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'id',
  'schema',
  'mode',
  'input',
  'left',
  'right',
  'inputs',
  'signature',
]);

function operatorFacts(node: PipelineNode): Record<string, unknown> {
  return Object.fromEntries(Object.entries(node).filter(([key]) => !LEFT_OUT.has(key)));
}

/** Values that JSON has not, and no positions in a text. */
function exact(key: string, value: unknown): unknown {
  if (key === 'span') return undefined;
  if (typeof value === 'bigint') return { bigint: value.toString() };
  if (typeof value === 'number' && !Number.isFinite(value)) return { number: String(value) };
  return value;
}

/** Where two signatures first differ, as `inputs[0].aggregates[1].function: "SUM", before "MAX"`. */
export function signatureDifference(now: string, before: string): string {
  const found = difference(JSON.parse(now), JSON.parse(before), '');
  return found ?? 'it is written in another form';
}

function difference(now: unknown, before: unknown, path: string): string | null {
  if (isObject(now) && isObject(before)) {
    const keys = new Set([...Object.keys(now), ...Object.keys(before)]);
    for (const key of keys) {
      const step = Array.isArray(now) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
      const found = difference(now[key], before[key], step);
      if (found !== null) return found;
    }
    return null;
  }
  if (Object.is(now, before)) return null;
  return `${path}: ${shown(now)}, before ${shown(before)}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

const SHOWN_CHARACTERS_MAX = 60;

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length <= SHOWN_CHARACTERS_MAX ? text : `${text.slice(0, SHOWN_CHARACTERS_MAX)}…`;
}
