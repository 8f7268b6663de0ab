/**
 * How the tests run: one pool, a time limit on every test. Files that start no process, broker or
 * listener share one after the other's modules: loading and compiling them again for each file was a
 * third of their time. A test there leaves nothing behind that another could see.
 */
import { defineConfig } from 'vitest/config';

const SHARED = [
  'test/{base,sql,columnar,functions,formats,codegen,metrics,plan,state,runtime,docs}/**/*.test.ts',
  'test/{cases,oracle,scenarios}/**/*.test.ts',
  'test/fuzz/{compositions,decoders,expressions,options,record-sets,texts}.test.ts',
];

const limits = { testTimeout: 240_000, hookTimeout: 300_000 };

export default defineConfig({
  test: {
    pool: 'forks',
    // One more than two cores: tests of brokers wait more than they work.
    maxWorkers: 3,
    projects: [
      { test: { name: 'shared', include: SHARED, isolate: false, ...limits } },
      { test: { name: 'own', include: ['test/**/*.test.ts'], exclude: SHARED, ...limits } },
    ],
  },
});
