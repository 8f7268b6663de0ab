/**
 * The fast tests, `npm run test:quick`: what a change breaks first, within a minute on two idle cores.
 * Left out are tests that start processes, brokers or benchmarks, or that fuzz for long; the SQL
 * cases run on V1 and on one setting of V2 (VELO_QUICK).
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      'test/{base,sql,columnar,functions,formats,codegen,metrics,plan,state,runtime,docs}/**/*.test.ts',
      'test/cases/*.test.ts',
      'test/fuzz/{texts,expressions,options,decoders}.test.ts',
    ],
    exclude: [
      'test/runtime/partial-aggregate.test.ts',
      'test/formats/json-fuzz.test.ts',
      'test/docs/{commands,made-up-data}.test.ts',
    ],
    env: { VELO_QUICK: '1' },
    testTimeout: 240_000,
    hookTimeout: 300_000,
    pool: 'forks',
    isolate: false,
    maxWorkers: 2,
  },
});
