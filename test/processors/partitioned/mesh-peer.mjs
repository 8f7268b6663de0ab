/**
 * One thread of the concurrency tests: sends numbered blocks of random sizes to every peer, takes
 * theirs, and checks every byte twice, when a block arrives and before it is released. It stalls at
 * random, drains its inputs whenever it cannot send, sleeps when it can do neither, and can end
 * without a word after a given number of operations. Imports the built project.
 */
/* eslint no-restricted-globals: off -- what these tests are about */
import { parentPort, workerData } from 'node:worker_threads';
import { mulberry32 } from '../../../dist/bench/statistics.js';
import { BlockArena } from '../../../dist/columnar/arena.js';
import { Ring } from '../../../dist/processors/partitioned/exchange/ring.js';
import { WakeCell } from '../../../dist/processors/partitioned/exchange/wake.js';

const { me, arenaBuffers, ringBuffers, cellBuffer, control, options } = workerData;
const { seed, blocks, blockBytesMax, stalls, asleep, endAtOperation, heldMax } = options;
const peers = arenaBuffers.length;
/** Far beyond any stall: a sleep that ends by its timeout was never woken. */
const LOST_MS = 20_000;
const HEAD_WORDS = 3;

const random = mulberry32(seed * 31 + me);
const below = (limit) => Math.floor(random() * limit);
const arenas = arenaBuffers.map((buffer) => new BlockArena(buffer));
const arena = arenas[me];
const inputs = ringBuffers.map((row) => new Ring(row[me]));
const outputs = ringBuffers[me].map((buffer) => new Ring(buffer));
const cells = arenas.map((_, at) => new WakeCell(cellBuffer, at * WakeCell.bytes));
const stall = new Int32Array(new SharedArrayBuffer(4));

let operations = 0;
let sent = 0;
/** The block being handed out and the peers that still get it. */
let leaving = { offset: -1, to: peers };
const received = arenas.map(() => 0);
const held = [];
const faults = [];
const counts = { full: 0, noRoom: 0, sleeps: 0, lost: 0 };

/** Before every step that others could see: the place to die at, and to stall at. */
function operation() {
  operations += 1;
  if (operations === endAtOperation) process.exit(3);
  if (random() >= stalls) return;
  if (random() < 0.7) for (let spins = below(3000); spins > 0; spins -= 1) Atomics.load(stall, 0);
  else Atomics.wait(stall, 0, 0, random() * 0.3);
}

function word(sender, seq, at) {
  return Math.imul(sender * 7919 + seq, 0x9e3779b1) ^ Math.imul(at, 0x85ebca6b);
}

function check(sender, offset, when) {
  const { i32 } = arenas[sender].memory;
  const first = offset >> 2;
  const seq = i32[first + 1];
  const words = i32[first + 2];
  let wrong = i32[first] === sender ? 0 : 1;
  for (let at = HEAD_WORDS; at < words; at += 1) {
    if (i32[first + at] !== word(sender, seq, at)) wrong += 1;
  }
  if (wrong > 0) faults.push(`${wrong} words of block ${seq} of peer ${sender} ${when}`);
  return seq;
}

function prepare() {
  const words = HEAD_WORDS + below(blockBytesMax / 4 - HEAD_WORDS);
  const spare = random() < 0.3 ? below(256) : 0;
  operation();
  const offset = arena.allocate(Math.min(words * 4 + spare, arena.blockBytesMax));
  if (offset === -1) {
    counts.noRoom += 1;
    return false;
  }
  operation();
  const { i32 } = arena.memory;
  const first = offset >> 2;
  i32[first] = me;
  i32[first + 1] = sent;
  i32[first + 2] = words;
  for (let at = HEAD_WORDS; at < words; at += 1) i32[first + at] = word(me, sent, at);
  operation();
  arena.commit(offset, words * 4, peers);
  sent += 1;
  leaving = { offset, to: 0 };
  return true;
}

function send() {
  if (leaving.to === peers && (sent === blocks || !prepare())) return false;
  const before = leaving.to;
  while (leaving.to < peers) {
    operation();
    if (!outputs[leaving.to].tryPush(leaving.offset)) {
      counts.full += 1;
      break;
    }
    operation();
    cells[leaving.to].wake();
    leaving.to += 1;
  }
  return leaving.to > before;
}

function releaseOne() {
  const [{ sender, offset }] = held.splice(below(held.length), 1);
  check(sender, offset, 'before its release');
  operation();
  arenas[sender].release(offset);
  operation();
  cells[sender].wake();
}

function drain() {
  let taken = false;
  for (let sender = 0; sender < peers; sender += 1) {
    operation();
    const offset = inputs[sender].pop();
    if (offset === -1) continue;
    operation();
    cells[sender].wake();
    const seq = check(sender, offset, 'on arrival');
    if (seq !== received[sender]) faults.push(`block ${seq} of ${sender} out of order`);
    received[sender] += 1;
    held.push({ sender, offset });
    while (held.length > below(heldMax + 1)) releaseOne();
    taken = true;
  }
  return taken;
}

const complete = () =>
  sent === blocks && leaving.to === peers && received.every((count) => count === blocks);

async function run() {
  for (;;) {
    const ticket = cells[me].ticket();
    if (Atomics.load(control, 0) === 1) return 'aborted';
    const drained = drain();
    if (send() || drained) continue;
    if (held.length > 0) releaseOne();
    else if (complete()) return 'complete';
    else {
      counts.sleeps += 1;
      const outcome =
        asleep === 'blocked'
          ? cells[me].sleep(ticket, LOST_MS)
          : await cells[me].sleepAsync(ticket, LOST_MS);
      if (outcome === 'timeout') counts.lost += 1;
    }
  }
}

const outcome = await run();
parentPort.postMessage({ outcome, faults, received, operations, ...counts });
