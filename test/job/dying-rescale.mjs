/**
 * Ends a worker thread of a job at a point of a rescale, as a preload (`node --import`): production
 * code has no hook. A file in VELO_ARMED that is named for the point (`snapshot`, `restore`) asks for
 * one end there, and goes with it.
 */
import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { PartitionCopies } from '../../dist/processors/partitioned/worker/partition-copies.js';
import { QueryPartitions } from '../../dist/processors/partitioned/worker/query-partitions.js';

const dir = process.env.VELO_ARMED;

function isArmed(point) {
  try {
    unlinkSync(join(dir, point));
    return true;
  } catch {
    return false;
  }
}

if (!isMainThread && dir !== undefined) {
  const points = { snapshot: [PartitionCopies, 'begin'], restore: [QueryPartitions, 'restore'] };
  for (const [point, [where, name]] of Object.entries(points)) {
    const whole = where.prototype[name];
    where.prototype[name] = function (...args) {
      if (isArmed(point)) process.exit(7);
      return whole.apply(this, args);
    };
  }
}
