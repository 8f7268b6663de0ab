/**
 * docs/metrics.md is generated from the catalogue: this test writes it when it is updated
 * (`npx vitest run test/metrics -u`) and fails when it has drifted. Names keep the conventions.
 */
import { format } from 'prettier';
import { describe, expect, it } from 'vitest';
import {
  CHECKPOINT_METRICS,
  JOB_METRICS,
  OPERATOR_METRICS,
  PARTITION_METRICS,
  QUERY_METRICS,
  WORKER_METRICS,
} from '../../src/metrics/catalogue.js';
import type { CatalogueEntry, MetricUnit } from '../../src/metrics/catalogue.js';

const SECTIONS: readonly (readonly [string, string, Readonly<Record<string, CatalogueEntry>>])[] = [
  ['Per query', 'Totals of one query over all its partitions.', QUERY_METRICS],
  ['Per partition', 'One series per query and partition.', PARTITION_METRICS],
  ['Per worker', 'Where the time of each worker thread goes.', WORKER_METRICS],
  [
    'Checkpoints',
    'Of a job with `--checkpoint-dir`; the last checkpoint is one of this run.',
    CHECKPOINT_METRICS,
  ],
  ['Per operator', 'What an operator had in the last checkpoint.', OPERATOR_METRICS],
  ['Job and process', 'The whole process, all threads.', JOB_METRICS],
];

const NOTES = `# Metrics

Generated from \`src/metrics/catalogue.ts\`. Names are permanent.

\`velo run --metrics-port 9464 job.sql\` serves these at \`http://127.0.0.1:9464/metrics\` in
Prometheus' text format 0.0.4 while the job runs; port 0 takes any free one. Only the loopback
interface listens. Reading changes nothing: counters run from the start of the job, and rates are
those of the last second (rows by elapsed time while the job is younger).

Eight scrapes are answered at once, and then one every 10 ms; while more are asked for than that they
share one text for a tenth of a second, and beyond 64 that wait the answer is 429. So a flood of them
takes a few percent of the thread that runs the job: with 32 connections that never rest the median
service time of V1 went from 0.9 ms to 123 ms before, and to 1.1 ms with it (20,000 rows a second, a
busy machine of two cores; \`test/cli/metrics-port.test.ts\`).

Everything adds up at any moment: records in = processed + failed + dropped as late, and what the
partitions were given is never more than what was read. Where workers form groups before the
exchange (EMIT FINAL of aggregates that merge), a row counts for the partition of its group, ten
times a second; batches, busy time and latency of that work count for the partition that the batch's
number falls to, because the groups of one batch belong to many. A partition is given the rows
behind the WHERE of its source.

Counting is part of every job; what the endpoint adds is below what a busy machine lets one measure: on
scenario 0, V2 with 8 partitions and 2 workers, 28 interleaved pairs of
\`velo bench --scenario 0 --arch v2 --partitions 8 --workers 2 --runs 1 --warmup 0 --metrics on|off\` with
8 and 40 million rows took 0.99 of the processor time with it (95 % of the median: 0.97 to 1.03).

A partition is hot when its rate is more than twice the average of the _other_ partitions of its
query: of two partitions with 900 and 100 records a second, the first is.

Backpressure of a partition follows the use of the rings that lead to it: healthy below 0.7, warning
below 0.85, critical below 0.95, saturated from there. A queue latency above its threshold is at
least a warning, above twice the threshold critical, above four times saturated.
`;

function metricsMarkdown(): Promise<string> {
  const sections = SECTIONS.map(([title, about, metrics]) => {
    const rows = Object.entries(metrics).map(
      ([name, { type, unit, labels, help }]) =>
        `| \`${name}\` | ${type} | ${unit === 'none' ? '' : unit} | ${labels.join(', ')} | ${help} |`,
    );
    return `## ${title}\n\n${about}\n\n| name | type | unit | labels | meaning |\n|--|--|--|--|--|\n${rows.join('\n')}\n`;
  });
  return format([NOTES, ...sections].join('\n'), { parser: 'markdown', printWidth: 100 });
}

describe('docs/metrics.md', () => {
  it('lists every metric of the catalogue', async () => {
    await expect(await metricsMarkdown()).toMatchFileSnapshot('../../docs/metrics.md');
  });
});

const SUFFIX: Readonly<Record<MetricUnit, string>> = {
  records: '_records',
  'records per second': '_records_per_second',
  seconds: '_seconds',
  bytes: '_bytes',
  rows: '_rows',
  ratio: '_ratio',
  none: '',
};

describe('names', () => {
  const all = SECTIONS.flatMap(([, , metrics]) => Object.entries(metrics));

  it('are unique over all sections', () => {
    expect(new Set(all.map(([name]) => name)).size).toBe(all.length);
  });

  it.each(all)('%s ends as its type and unit say, and has a sentence', (name, entry) => {
    expect(name.endsWith('_total')).toBe(entry.type === 'counter');
    const unit = name.replace(/_total$/, '');
    // Counters of records say what happened to them: records_in, records_late …
    if (entry.unit === 'records' && entry.type === 'counter') expect(unit).toContain('_records_');
    else expect(unit.endsWith(SUFFIX[entry.unit])).toBe(true);
    expect(entry.help).toMatch(/^[A-Z0-9].*\.$/);
    expect(entry.help).not.toMatch(/[\n|]/);
  });
});
