/**
 * Plays what it is asked to, as JSON on stdin, with jobs over the fake topic; answers in JSON. A
 * process of its own, because hooks put the fake in the place of the client in all of its threads.
 */
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { compileJob, createPartitionedJob } from '../../../../dist/job.js';
import { PARTITIONED_DEFAULTS } from '../../../../dist/processors/partitioned/job-settings.js';
import { committed } from './fake-topic.mjs';

async function polled(condition) {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

async function play(step) {
  let written = '';
  let look = () => undefined;
  const stdout = new Writable({
    write: (chunk, _encoding, done) => {
      written += chunk.toString('utf8');
      look();
      done();
    },
  });
  const lines = () => written.split('\n').slice(0, -1);
  const compiled = await compileJob({
    source: { name: 'test.sql', text: step.sql },
    variables: () => undefined,
    settings: {},
    changelog: false,
    redirects: new Map(),
    limit: null,
  });
  const { partitions, workers, batchRows } = step;
  const notices = [];
  committed.length = 0;
  const job = createPartitionedJob(
    compiled,
    { ...PARTITIONED_DEFAULTS, partitions, workers },
    {
      sinks: { stdout, format: 'jsonl', onStdoutClosed: () => undefined },
      onError: 'fail',
      deadLetter: null,
      durationMs: null,
      batchRows,
      notice: (line) => notices.push(line),
      ...(step.restore === undefined ? {} : { restore: revived(step.restore) }),
    },
  );
  let failure = null;
  let result = null;
  let snapshot = null;
  const ended = job.start().then(
    (value) => (result = value),
    (error) => (failure = { code: error.code ?? null, message: error.message }),
  );
  const until = (count) =>
    new Promise((resolve) => {
      look = () => {
        if (failure !== null || lines().length >= count) resolve();
      };
      look();
    });
  for (const [what, count = 0] of step.events ?? []) {
    if (what === 'read') {
      await polled(() => failure !== null || job.metrics().rowsRead >= count);
      continue;
    }
    await until(count);
    if (what === 'snapshot') snapshot = await job.snapshot();
    else if (what === 'kill') void job.crew.threads[step.workers - 1].terminate();
    else if (what === 'stop') void job.stop();
    else if (what === 'drain') void job.stop({ drain: true });
    else if (what === 'pause') job.pause();
    else if (what === 'resume') job.resume();
  }
  await ended;
  const partitionRows = result?.queries[0].partitions.map(({ rowsIn }) => rowsIn) ?? [];
  return {
    lines: lines(),
    end: result?.end ?? null,
    rowsRead: result?.rowsRead ?? null,
    partitionRows,
    failure,
    notices,
    committed: [...committed],
    snapshot: snapshot === null ? undefined : kept(snapshot),
  };
}

/** JSON has no bytes and no infinity. */
function kept(snapshot) {
  return JSON.stringify(snapshot, (_key, value) => {
    if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString('base64') };
    return value === Number.NEGATIVE_INFINITY ? { infinity: -1 } : value;
  });
}

function revived(textOfSnapshot) {
  return JSON.parse(textOfSnapshot, (_key, value) => {
    if (value?.base64 !== undefined) return new Uint8Array(Buffer.from(value.base64, 'base64'));
    return value?.infinity === -1 ? Number.NEGATIVE_INFINITY : value;
  });
}

const steps = JSON.parse(await text(process.stdin));
const answers = [];
for (const step of steps) {
  if (step.restoreOf !== undefined) step.restore = answers[step.restoreOf].snapshot;
  answers.push(await play(step));
}
process.stdout.write(JSON.stringify(answers), () => process.exit(0));
