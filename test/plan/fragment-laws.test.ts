/**
 * The laws of every cut, over all queries of the case files and under every strategy: each scan is
 * in one source fragment, each edge has one sender and one receiver, no node is lost.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/base/errors.js';
import { parseCase } from '../../src/cli/cases/case-file.js';
import { PARTITIONING_STRATEGIES, planFragments } from '../../src/plan/fragments/fragments.js';
import type { FragmentPlan } from '../../src/plan/fragments/fragments.js';
import { pipelineInputs } from '../../src/plan/pipeline/pipeline-plan.js';
import type { PipelineNode, QueryPlan } from '../../src/plan/pipeline/pipeline-plan.js';
import { nodesOf, planSql } from './support.js';

/** Every query of the case files that plans, with its file. */
function corpus(): { readonly file: string; readonly query: QueryPlan }[] {
  const folder = new URL('../cases/', import.meta.url).pathname;
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const cases = files.filter((name) => name.endsWith('.case')).sort();
  return cases.flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    const { sql, flags } = parseCase({ name: file, text });
    const { plan } = planSql('text' in sql ? sql.text : '', { changelog: flags.changelog });
    return (plan?.queries ?? []).map((query) => ({ file, query }));
  });
}

/** Ids of the nodes that the fragments run, copies by the id of what they copy. */
function runIds(plan: FragmentPlan): Set<string> {
  const roots = [...plan.sources, ...plan.fragments].map(({ root }) => root);
  const nodes = roots.flatMap(nodesOf).filter(({ kind }) => kind !== 'exchange');
  return new Set(nodes.map(({ id }) => id.replace(/-copy-\d+$/, '')));
}

/** Ids of the plan's nodes but for the UNIONs that only stateless nodes and UNIONs are above. */
function planIds(node: PipelineNode, isTop = true): string[] {
  const stays = isTop && ['calc', 'window-columns', 'watermark', 'union'].includes(node.kind);
  const below = pipelineInputs(node).flatMap((input) => planIds(input, stays));
  return isTop && node.kind === 'union' ? below : [node.id, ...below];
}

function checkLaws(query: QueryPlan, plan: FragmentPlan): void {
  const scans = nodesOf(query.root).filter(({ kind }) => kind === 'scan');
  expect(plan.sources.map(({ scan }) => scan.id)).toEqual(scans.map(({ id }) => id));
  for (const { root, scan } of plan.sources) {
    const chain = nodesOf(root);
    expect(chain.at(-1)).toBe(scan);
    for (const { kind } of chain) {
      expect(['scan', 'calc', 'watermark', 'window-columns']).toContain(kind);
    }
  }
  const leaves = plan.fragments.flatMap(({ index, root }) =>
    nodesOf(root).flatMap((node) => {
      expect(node.kind).not.toBe('scan');
      return node.kind === 'exchange' ? [{ node, fragment: index }] : [];
    }),
  );
  expect(leaves.map(({ node }) => node.edge).sort((a, b) => a - b)).toEqual(
    plan.edges.map(({ index }) => index),
  );
  for (const { node, fragment } of leaves) {
    const edge = plan.edges[node.edge]!;
    expect(edge.fragment).toBe(fragment);
    expect(edge.schema).toBe(node.schema);
    expect(edge.mode).toBe(node.mode);
  }
  const fed = [
    ...plan.sources.flatMap(({ edge, root }) => (edge === null ? [] : [{ edge, root, level: 1 }])),
    ...plan.fragments.flatMap(({ target, root }) =>
      target === null ? [] : [{ edge: target, root, level: 2 }],
    ),
  ];
  expect(fed.map(({ edge }) => edge).sort((a, b) => a - b)).toEqual(
    plan.edges.map(({ index }) => index),
  );
  for (const { edge, root, level } of fed) {
    expect(plan.edges[edge]).toMatchObject({ level });
    expect(plan.edges[edge]!.schema).toEqual(root.schema);
  }
  const globals = plan.fragments.filter(({ level }) => level === 2);
  expect(globals.length).toBeLessThanOrEqual(1);
  for (const { parallel, index, target } of globals) {
    expect({ parallel, index, target }).toEqual({
      parallel: false,
      index: plan.fragments.length - 1,
      target: null,
    });
  }
  for (const { index, parallel, level } of plan.fragments) {
    const edges = plan.edges.filter(({ fragment }) => fragment === index);
    expect(edges.length).toBeGreaterThan(0);
    for (const edge of edges) {
      expect(edge.level).toBe(level);
      expect(edge.routing.kind === 'single').toBe(!parallel);
      if (level === 2) expect(edge).toMatchObject({ watermark: null, partial: null });
    }
  }
  const unions = planIds(query.root).filter((id) => !runIds(plan).has(id));
  expect(unions).toEqual([]);
  expect(
    [...runIds(plan)].filter((id) => !nodesOf(query.root).some((node) => node.id === id)),
  ).toEqual([]);
}

describe('laws of every cut', () => {
  const all = corpus();

  it('the corpus has queries of every kind', () => {
    expect(all.length).toBeGreaterThan(100);
    const kinds = new Set(all.flatMap(({ query }) => nodesOf(query.root).map(({ kind }) => kind)));
    expect(kinds.size).toBeGreaterThanOrEqual(10);
  });

  it.each([null, ...PARTITIONING_STRATEGIES])('hold for the corpus under %s', (strategy) => {
    let fitting = 0;
    for (const { file, query } of all) {
      try {
        const plan = planFragments(query, { strategy });
        fitting += 1;
        checkLaws(query, plan);
        if (strategy === 'fan-in') {
          expect(plan.fragments.every(({ parallel, level }) => !parallel && level === 1)).toBe(
            true,
          );
        }
      } catch (error) {
        const refused = error instanceof ConfigError && error.key === 'FLAG_INVALID';
        if (!refused || strategy === null)
          throw new Error(`${file}: ${String(error)}`, { cause: error });
      }
    }
    expect(fitting).toBeGreaterThan(10);
    if (strategy === null || strategy === 'fan-in' || strategy === 'smart') {
      expect(fitting).toBe(all.length);
    }
  });
});
