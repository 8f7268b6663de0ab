/**
 * A disk that takes no checkpoint for a while, or is slow with it, as a preload (`node --import`):
 * production code has no hook. VELO_DISK says as JSON which code a new file of a checkpoint fails
 * with, behind how many that succeed and how often, or how long (ms) each sync takes.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';

const {
  code = null,
  behind = 0,
  times = 0,
  syncMs = 0,
} = JSON.parse(process.env.VELO_DISK ?? '{}');
let made = 0;

const { open } = fs.promises;
fs.promises.open = async (path, flags, ...rest) => {
  if (flags !== 'wx' || !String(path).includes('.partial/')) return open(path, flags, ...rest);
  made += 1;
  if (code !== null && made > behind && made <= behind + times) {
    throw Object.assign(new Error(`${code}: made to fail, open '${path}'`), { code });
  }
  const handle = await open(path, flags, ...rest);
  const { sync } = handle;
  handle.sync = async () => {
    await delay(syncMs);
    await sync.call(handle);
  };
  return handle;
};
syncBuiltinESMExports();
