/** Draws a live table of 64 partitions in steps, with notes between them: `keep` or `erase`. */
import { LivePartitionTable } from '../../dist/cli/terminal/partition-table.js';
import { Terminal } from '../../dist/cli/terminal/terminal.js';

const partition = {
  rowsOut: 0,
  rowsLate: 0,
  rowsFailed: 0,
  queueRows: 0,
  batches: 0,
  busyUs: 0,
  latencyUsLast: 0,
  latencyUsMax: 0,
  latencyUsSum: 0,
  latencyCount: 0,
  stateRows: 0,
  stateBytes: 0,
  watermarkMs: null,
  watermarkLagMs: null,
  eventTimeMsMax: null,
  utilisation: 0,
  severity: 'healthy',
};

const terminal = new Terminal('normal');
let step = 0;
let done = () => {};
const table = new LivePartitionTable(terminal, () => {
  step += 1;
  if (step === 2) done();
  const partitions = Array.from({ length: 64 }, (_, at) => ({
    ...partition,
    partition: at,
    rowsIn: step * 1000,
  }));
  const query = { query: 'query-1', rowsIn: 0, rowsOut: 0, rowsLate: 0, rowsFailed: 0 };
  const queries = [{ ...query, snapshot: { partitions, workers: [] }, rates: [] }];
  return { headline: `step ${step}`, queries };
});
terminal.note('first note');
// A pipe never draws: there is nothing to wait for.
if (terminal.live) {
  await new Promise((resolve) => {
    done = resolve;
    // The table's own timer does not hold the process.
    setTimeout(resolve, 5000).unref();
    setInterval(() => {}, 100);
  });
}
terminal.note('second note');
table.stop({ keep: process.argv[2] === 'keep' });
terminal.note('the end');
process.exit(0);
