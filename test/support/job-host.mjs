/**
 * A process of its own in which jobs run one after the other, as its parent says: what a library ends
 * with abort() ends this process, and not the tests. Owns the running and what is told of it; the
 * parent's side is job-host.ts.
 *
 *   parent → host   { sql, shape, rowsMax }   runs a job; shape null: V1; rowsMax: stops it there
 *                   'stop'           stops it
 *   host → parent   'ready'          once it has loaded what jobs need
 *                   Ended            it is over (job-host.ts)
 */
import { Writable } from 'node:stream';
import { VeloError } from '../../dist/base/errors.js';
import { compileJob, createJob } from '../../dist/job.js';
import { PARTITIONED_DEFAULTS } from '../../dist/processors/partitioned/job-settings.js';

let job = null;
let isStopped = false;

process.on('disconnect', () => process.exit(0));
process.on('message', (message) => {
  if (message !== 'stop') {
    run(message).then((ended) => process.send(ended));
    return;
  }
  isStopped = true;
  job?.stop();
});
process.send('ready');

async function run({ sql, shape, rowsMax }) {
  const notices = [];
  let text = '';
  let isComplete = false;
  const stdout = new Writable({
    write: (chunk, _encoding, done) => {
      text += chunk.toString('utf8');
      isComplete ||= rowsMax !== null && text.split('\n').length > rowsMax;
      if (isComplete) job.stop();
      done();
    },
  });
  let error = null;
  try {
    const compiled = await compileJob({
      source: { name: 'test.sql', text: sql },
      variables: () => undefined,
      settings: {},
      changelog: false,
      redirects: new Map(),
      limit: null,
    });
    job = createJob(compiled, {
      sinks: { stdout, format: 'jsonl', onStdoutClosed: () => undefined },
      onError: 'fail',
      deadLetter: null,
      durationMs: null,
      batchRows: null,
      notice: (line) => notices.push(line),
      partitioned: shape === null ? null : { ...PARTITIONED_DEFAULTS, ...shape },
    });
    const result = job.start();
    // It may have been stopped before there was a job.
    if (isStopped) job.stop();
    await result;
  } catch (cause) {
    error = toldOf(cause);
  }
  const wasStopped = isStopped && !isComplete;
  isStopped = false;
  job = null;
  const memoryMax = process.resourceUsage().maxRSS * 1024;
  return { text, notices, error, wasStopped, memoryMax };
}

function toldOf(cause) {
  if (!(cause instanceof VeloError)) return { code: null, text: String(cause?.stack ?? cause) };
  const { code, message, detail, hint } = cause;
  return { code, text: [message, detail ?? '', hint ?? ''].join(' ') };
}
