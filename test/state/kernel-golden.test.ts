/**
 * The text of generated grouping kernels for scenario 2. Regenerate with
 * `npx vitest run test/state/kernel-golden.test.ts -u` and review the difference as code.
 */
import { expect, test } from 'vitest';
import { kernelSource } from '../../src/state/groups/aggregate-kernel.js';
import type { KernelMode } from '../../src/state/groups/aggregate-kernel.js';
import { planLayout } from '../../src/state/groups/aggregate-layout.js';
import { resolveSource } from '../../src/state/groups/key-resolve.js';
import { BIGINT, DOUBLE, VARCHAR } from '../../src/columnar/types.js';
import { aggregate } from './grouping-inputs.js';

const layout = planLayout({
  inputTypes: [VARCHAR, VARCHAR, DOUBLE, BIGINT, DOUBLE],
  keys: [0, 1],
  aggregates: [
    aggregate('COUNT', null, BIGINT),
    aggregate('AVG', 2, DOUBLE),
    aggregate('SUM', 3, BIGINT),
    aggregate('SUM', 4, DOUBLE),
  ],
  windowColumns: false,
  inputRetracts: false,
});
const text = { kind: 'dict', nullable: false } as const;
const number = { kind: 'f64', nullable: false } as const;
const inputs = [text, text, number, { kind: 'f64', nullable: true }, number] as const;

test.each<KernelMode>(['update', 'changed', 'retract', 'all', 'emit'])(
  'kernel %s',
  async (mode) => {
    const source = kernelSource(layout, {
      mode,
      inputs,
      selected: true,
      chunked: false,
      signed: false,
      ops: true,
      results: ['dict', 'dict', 'f64', 'f64', 'f64', 'f64'],
    });
    await expect(source).toMatchFileSnapshot(`../golden/codegen/aggregate-${mode}.js`);
  },
);

test.each([true, false])('look-up of keys, by code combinations: %s', async (combined) => {
  const shape = { inputs, selected: true, chunked: !combined, combined };
  const source = resolveSource({ keys: [0, 1], stride: layout.stride }, shape);
  const name = combined ? 'combined' : 'hashed';
  await expect(source).toMatchFileSnapshot(`../golden/codegen/key-${name}.js`);
});
