/**
 * Vitest kept running within the copy: it takes runs as JSON lines on stdin and tells on stdout what
 * happens (events-reporter.mjs). Modules are transformed once; each run has a process of its own,
 * which has the mutant in its environment. Whoever started it ends it, and watches the time.
 */
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { createVitest } from 'vitest/node';
import EventsReporter, { tell } from './events-reporter.mjs';

/** The file order of the run at work: cheapest first, as it was asked for. */
let order = [];
let stopsAtFailure = false;

class GivenOrder {
  async shard(specs) {
    return specs;
  }

  async sort(specs) {
    const at = ({ moduleId }) => order.findIndex((file) => moduleId.endsWith(file));
    return [...specs].sort((a, b) => at(a) - at(b));
  }
}

const vitest = await createVitest('test', {
  watch: false,
  config: false,
  include: ['test/**/*.test.ts'],
  env: { VELO_QUICK: '1' },
  setupFiles: ['test/mutation/now-setup.mjs'],
  reporters: [
    new EventsReporter(() => {
      if (!stopsAtFailure) return;
      // Once a run: what comes late would end the next one.
      stopsAtFailure = false;
      void vitest.cancelCurrentRun('test-failure');
    }),
  ],
  sequence: { sequencer: GivenOrder },
  server: { deps: { external: [/\/dist\//] } },
  testTimeout: 120_000,
  hookTimeout: 120_000,
  pool: 'forks',
  isolate: false,
  maxWorkers: 1,
});
await vitest.standalone();
tell({ kind: 'ready' });

for await (const line of createInterface({ input: process.stdin })) {
  const { files, names, env, toTheEnd } = JSON.parse(line);
  Object.assign(process.env, env);
  order = files;
  stopsAtFailure = !toTheEnd;
  const project = vitest.getRootProject();
  const specs = files.map((file) => {
    const pattern = names[file];
    const options = pattern === undefined ? [] : { testNamePattern: new RegExp(pattern) };
    return project.createSpecification(join(process.cwd(), file), options);
  });
  const { unhandledErrors } = await vitest.runTestSpecifications(specs);
  const errors = unhandledErrors.map(({ message }) => String(message).slice(0, 300));
  tell({ kind: 'over', errors });
}
await vitest.close();
