/** The text of a few kernels: read these files to see what runs per row. */
import { expect, test } from 'vitest';
import { recordKernels } from '../../src/codegen/compile.js';
import { BIGINT, DOUBLE, VARCHAR, decimalType } from '../../src/columnar/types.js';
import type { BoundExpression } from '../../src/plan/expression/expression.js';
import {
  batchOf,
  call,
  caseOf,
  cast,
  coalesce,
  collectingCalc,
  column,
  decimal,
  inList,
  int,
  logical,
  text,
} from './expressions.js';
import type { Input } from './expressions.js';

interface Golden {
  readonly filter?: BoundExpression;
  readonly projections: readonly BoundExpression[];
  readonly inputs: readonly Input[];
}

/** The source of the only kernel that one batch needs, without its number. */
function kernelOf({ filter, projections, inputs }: Golden): string {
  const { calc } = collectingCalc({
    inputTypes: inputs.map(({ type }) => type),
    filter: filter ?? null,
    projections,
  });
  const sources = recordKernels(() => calc.run(batchOf(inputs)));
  expect(sources).toHaveLength(1);
  return sources.join('').replace(/-\d+\.js$/, '.js\n');
}

const golden = (name: string): string => `../golden/codegen/${name}.js`;
const i = column(0, BIGINT, 'i');
const counter: Input = { type: BIGINT, values: [0n, 1n, 2n] };
const price = cast(call('+', decimal('100.0'), call('%', i, int(50))), DOUBLE);
const quantity = call('+', int(100), call('%', i, int(1000)));

test('scenario 0: whole numbers, a constant text, a filter over a shared expression', async () => {
  const amount = cast(call('+', decimal('150.0'), call('%', i, int(100))), DOUBLE);
  const source = kernelOf({
    filter: call('>', amount, int(100)),
    projections: [i, call('%', i, int(1000)), text('2024-01-15'), amount],
    inputs: [counter],
  });
  await expect(source).toMatchFileSnapshot(golden('scenario-0'));
});

test('scenario 1: a decimal quotient inside a sine costs one division', async () => {
  const swing = call('*', call('SIN', call('/', i, decimal('100.0'))), decimal('10.0'));
  const source = kernelOf({
    projections: [
      call('||', text('SYM'), cast(call('%', i, int(10)), VARCHAR)),
      call('+', price, swing),
      call('+', int(1_700_000_000_000), call('*', i, int(1000))),
    ],
    inputs: [counter],
  });
  await expect(source).toMatchFileSnapshot(golden('scenario-1'));
});

test('scenario 2: texts from memo tables, a product of shared expressions', async () => {
  const source = kernelOf({
    projections: [
      call('CONCAT', text('TRADER'), call('%', i, int(20))),
      call('CONCAT', text('SYM'), call('%', i, int(10))),
      price,
      quantity,
      call('*', price, quantity),
    ],
    inputs: [counter],
  });
  await expect(source).toMatchFileSnapshot(golden('scenario-2'));
});

test('NULLs and failures: tests only where a column has NULLs or a row can fail', async () => {
  const money = column(1, decimalType(12, 2), 'money');
  const symbol = column(2, VARCHAR, 'symbol');
  const source = kernelOf({
    filter: logical('and', call('>', i, int(0)), inList(symbol, text('A'), text('B'))),
    projections: [
      call('/', decimal('1.00'), money),
      coalesce(i, int(-1)),
      caseOf([[call('=', symbol, text('A')), text('first')]], text('other')),
    ],
    inputs: [
      { type: BIGINT, values: [1n, null, 2n] },
      { type: decimalType(12, 2), values: [1n, 2n, 3n] },
      { type: VARCHAR, values: ['A', 'B', 'C'] },
    ],
  });
  await expect(source).toMatchFileSnapshot(golden('nulls-and-failures'));
});

test('wide: bigints where a column needs them, numbers again as soon as they fit', async () => {
  const id = column(0, BIGINT, 'id');
  const source = kernelOf({
    projections: [call('+', id, int(1)), call('%', id, int(10))],
    inputs: [{ type: BIGINT, values: [2n ** 60n, 1n] }],
  });
  await expect(source).toMatchFileSnapshot(golden('wide'));
});
