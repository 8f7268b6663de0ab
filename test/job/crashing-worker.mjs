/**
 * Ends worker threads of a job while they work, as a preload (`node --import`): production code has
 * no hook. What is to happen, how often and behind which batch stands in VELO_CRASH as JSON; a crash
 * is one when it has made its file, so that threads and lives of a job share the count.
 */
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { PartitionHost } from '../../dist/processors/partitioned/worker/partition-host.js';

const { dir, kind, times, batch } = JSON.parse(process.env.VELO_CRASH ?? '{}');

/** Of the crashes to come, one is ours. */
function mayCrash() {
  for (let at = 0; at < times; at += 1) {
    try {
      openSync(join(dir, `crash-${at}`), 'wx');
      return true;
    } catch {
      // That one has been.
    }
  }
  return false;
}

function crash() {
  switch (kind) {
    case 'exit':
      process.exit(7);
      break;
    case 'memory': {
      const kept = [];
      for (;;) kept.push(Array.from({ length: 1000 }, (_, at) => ({ at })));
    }
    case 'uncaught':
      queueMicrotask(() => {
        throw new TypeError('nobody catches this');
      });
      break;
    default:
      throw new TypeError('an injected defect');
  }
}

if (!isMainThread && dir !== undefined) {
  const { rows } = PartitionHost.prototype;
  let batches = 0;
  PartitionHost.prototype.rows = function (...args) {
    batches += 1;
    if (batches % batch === 0 && mayCrash()) crash();
    return rows.apply(this, args);
  };
}
