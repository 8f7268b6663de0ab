/**
 * Kills the process (SIGKILL) in front of, in the middle of or behind one call to the file system, as
 * a preload (`node --import`): production code has no hook. Owns the names of these points, and the
 * pace of an input file, so that a job is still at work when it is killed; which one is to be met how
 * often before it kills stands in VELO_KILL as JSON (KillOrder in kill-lives.ts).
 *
 * Says `published` on stderr with each checkpoint that has its name: who kills at any moment goes by it.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename, dirname } from 'node:path';
import { threadId } from 'node:worker_threads';

const order = JSON.parse(process.env.VELO_KILL ?? '{}');
/** Bytes of a read of the input, and how long it takes. */
const PACED_BYTES = 1024;
const PACE_MS = 6;

let met = 0;

function reach(point) {
  if (point !== order.point) return false;
  met += 1;
  return met === order.nth;
}

function die() {
  fs.writeFileSync(order.said, `${order.point} in thread ${threadId}\n`);
  process.kill(process.pid, 'SIGKILL');
  for (;;) wait(1000);
}

function wait(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

async function around(name, work) {
  if (reach(`${name}: before`)) die();
  const answer = await work();
  if (reach(`${name}: after`)) die();
  return answer;
}

const isPartial = (path) => /epoch-\d+\.partial$/.test(path);
const isEpoch = (path) => /epoch-\d+$/.test(path);
const isOut = (path) => path === order.out;
const isStaged = (path) => path.startsWith(`${order.out}.`) && path.endsWith('.part');

/** What is written to at this path; null: nothing that has points. */
function nameOf(path) {
  if (isOut(path) || isStaged(path)) return 'file';
  if (isPartial(path)) return 'epoch folder';
  if (path === order.dir) return 'checkpoint folder';
  if (!isPartial(dirname(path))) return null;
  return basename(path) === 'manifest' ? 'manifest' : 'state';
}

function watch(handle, name) {
  const { write, sync, datasync, truncate } = handle;
  handle.write = async (bytes, at = 0, length = bytes.length - at, ...rest) => {
    if (reach(`${name} write: half`)) {
      await write.call(handle, bytes, at, length >> 1, ...rest);
      die();
    }
    return around(`${name} write`, () => write.call(handle, bytes, at, length, ...rest));
  };
  handle.sync = () => around(`${name} sync`, () => sync.call(handle));
  handle.datasync = () => around(`${name} sync`, () => datasync.call(handle));
  handle.truncate = (bytes) => around(`${name} cut back`, () => truncate.call(handle, bytes));
  return handle;
}

function renamed(from, to) {
  if (isPartial(from) && isEpoch(to)) return 'checkpoint rename';
  if (isEpoch(from)) return 'old checkpoint rename';
  return isOut(to) ? 'file publish' : null;
}

const { open, rename, rm } = fs.promises;
fs.promises.open = async (path, ...rest) => {
  const handle = await open(path, ...rest);
  const name = nameOf(String(path));
  return name === null ? handle : watch(handle, name);
};
fs.promises.rename = async (from, to) => {
  const name = renamed(String(from), String(to));
  if (name === null) return rename(from, to);
  await around(name, () => rename(from, to));
  if (name === 'checkpoint rename') process.stderr.write('published\n');
};
fs.promises.rm = (path, ...rest) => {
  if (!String(path).endsWith('.old.partial') || !fs.existsSync(path)) return rm(path, ...rest);
  return around('old checkpoint removal', () => rm(path, ...rest));
};

const { openSync, readSync, closeSync } = fs;
const paced = new Set();
fs.openSync = (path, ...rest) => {
  const file = openSync(path, ...rest);
  if (order.paced !== null && path === order.paced) paced.add(file);
  return file;
};
fs.closeSync = (file) => {
  paced.delete(file);
  closeSync(file);
};
fs.readSync = (file, buffer, at, length, place) => {
  if (!paced.has(file)) return readSync(file, buffer, at, length, place);
  wait(PACE_MS);
  return readSync(file, buffer, at, Math.min(length, PACED_BYTES), place);
};
syncBuiltinESMExports();
