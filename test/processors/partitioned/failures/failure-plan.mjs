/**
 * Failures inside worker threads, one per job: a preload (`node --import`) that wraps every method
 * of what a worker's loop is made of, in worker threads only, so that production code has no hook
 * at all. Owns the memory through which the main thread says which call of which method throws, and
 * learns what was called how often.
 *
 *   words   0 job number · 1 mode · 2 method · 3 call · 4 fired · 5 lock · 6 methods known ·
 *           64 … calls by method, of the thread that made most
 *   names   128 bytes per method
 */
/* eslint no-restricted-globals: off -- threads share what fails */
import { readdirSync } from 'node:fs';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import { DataError } from '../../../../dist/base/errors.js';

const KEY = 'velo-failures';
const [JOB, MODE, METHOD, CALL, FIRED, LOCK, KNOWN, CALLS] = [0, 1, 2, 3, 4, 5, 6, 64];
export const [COUNT, DEFECT, BAD_DATA] = [1, 2, 3];
const METHODS_MAX = 4096;
const NAME_BYTES = 128;
const NAMES = 4 * (CALLS + METHODS_MAX);
const DIST = new URL('../../../../dist/', import.meta.url);
/** What a worker's loop calls. */
const FOLDERS = [
  'processors/partitioned/worker',
  'processors/partitioned/turns',
  'processors/partitioned/exchange',
  'processors/partitioned/routing',
  'processors/partitioned/wire',
  'processors/partitioned/pressure',
  'processors',
  'runtime',
  'runtime/operators',
  'runtime/operators/join',
  'runtime/operators/window',
  'connectors/file',
  'connectors/generator',
  'connectors/blackhole',
];
const FILES = ['columnar/arena.js', 'processors/partitioned/control.js'];
/** They begin to work when they are loaded. */
const LEFT_OUT = new Set(['worker-entry.js']);

/** The main thread's side. */
export class FailurePlan {
  constructor() {
    this.buffer = new SharedArrayBuffer(NAMES + NAME_BYTES * METHODS_MAX);
    this.words = new Int32Array(this.buffer, 0, CALLS + METHODS_MAX);
    setEnvironmentData(KEY, this.buffer);
  }

  /** The next job counts calls. */
  count() {
    this.words.fill(0, CALLS);
    this.#arm(COUNT, -1, 0);
  }

  /** In the next job the `call`-th call of a method throws, in whichever thread comes to it first. */
  failAt(kind, method, call) {
    this.#arm(kind, method, call);
  }

  #arm(mode, method, call) {
    this.words[MODE] = mode;
    this.words[METHOD] = method;
    this.words[CALL] = call;
    this.words[FIRED] = 0;
    Atomics.add(this.words, JOB, 1);
  }

  get fired() {
    return Atomics.load(this.words, FIRED) === 1;
  }

  /** What was called, with how often at most in one thread. */
  calls() {
    const found = [];
    for (let method = 0; method < this.words[KNOWN]; method += 1) {
      const calls = Atomics.load(this.words, CALLS + method);
      if (calls > 0) found.push({ method, calls, name: nameOf(this.buffer, method) });
    }
    return found;
  }
}

function nameOf(buffer, method) {
  const bytes = new Uint8Array(buffer, NAMES + NAME_BYTES * method, NAME_BYTES).slice();
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}

/** A worker's side. */
class Wrapper {
  constructor(buffer) {
    this.buffer = buffer;
    this.words = new Int32Array(buffer, 0, CALLS + METHODS_MAX);
    this.calls = new Int32Array(METHODS_MAX);
    this.job = 0;
    this.known = new Map();
    this.seen = new Set();
  }

  /** The number of a name, which all threads agree on. */
  numberOf(name) {
    while (Atomics.compareExchange(this.words, LOCK, 0, 1) !== 0);
    for (let at = this.known.size; at < this.words[KNOWN]; at += 1) {
      this.known.set(nameOf(this.buffer, at), at);
    }
    let number = this.known.get(name);
    if (number === undefined) {
      number = this.words[KNOWN];
      this.words[KNOWN] += 1;
      const bytes = new TextEncoder().encode(name).subarray(0, NAME_BYTES - 1);
      new Uint8Array(this.buffer, NAMES + NAME_BYTES * number, NAME_BYTES).set(bytes);
      this.known.set(name, number);
    }
    Atomics.store(this.words, LOCK, 0);
    return number;
  }

  wrapClass(type) {
    const { prototype } = type;
    if (this.seen.has(prototype)) return;
    this.seen.add(prototype);
    for (const key of Object.getOwnPropertyNames(prototype)) {
      const { value, writable } = Object.getOwnPropertyDescriptor(prototype, key);
      if (key === 'constructor' || typeof value !== 'function' || !writable) continue;
      const number = this.numberOf(`${type.name}.${key}`);
      const before = (object) => {
        this.parts(object);
        this.called(number);
      };
      prototype[key] = function (...args) {
        before(this);
        return value.apply(this, args);
      };
    }
  }

  /** Classes that no module exports are found where they are used. */
  parts(object) {
    if (object === undefined || object === null || this.looked?.has(object)) return;
    (this.looked ??= new WeakSet()).add(object);
    for (const value of Object.values(object)) {
      const part = Array.isArray(value) ? value.find((each) => each !== null) : value;
      const type = part === null || typeof part !== 'object' ? undefined : part.constructor;
      if (type === undefined || this.seen.has(type.prototype)) continue;
      if (!/^class [A-Z]/.test(Function.prototype.toString.call(type))) continue;
      if (type.name.endsWith('Error') || this.isForeign(type)) continue;
      this.wrapClass(type);
    }
  }

  /** Node's own classes, and those of packages. */
  isForeign(type) {
    return globalThis[type.name] !== undefined || !/^[A-Z][a-z]\w+$/.test(type.name);
  }

  called(number) {
    const { words, calls } = this;
    const job = Atomics.load(words, JOB);
    if (job !== this.job) {
      this.job = job;
      calls.fill(0);
    }
    calls[number] += 1;
    const call = calls[number];
    if (words[MODE] === COUNT) {
      let most = Atomics.load(words, CALLS + number);
      while (call > most) {
        const found = Atomics.compareExchange(words, CALLS + number, most, call);
        most = found === most ? call : found;
      }
      return;
    }
    if (number !== words[METHOD] || call !== words[CALL]) return;
    if (Atomics.compareExchange(words, FIRED, 0, 1) !== 0) return;
    throw words[MODE] === DEFECT
      ? new TypeError('an injected defect')
      : new DataError('CONVERT', { message: 'an injected failure of data' });
  }
}

async function wrapAll(buffer) {
  const wrapper = new Wrapper(buffer);
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, DIST))
      .filter((name) => name.endsWith('.js') && !LEFT_OUT.has(name))
      .map((name) => `${folder}/${name}`),
  );
  for (const file of [...files, ...FILES]) {
    for (const value of Object.values(await import(new URL(file, DIST).href))) {
      if (typeof value !== 'function' || !/^class /.test(Function.prototype.toString.call(value)))
        continue;
      if (!(value.prototype instanceof Error)) wrapper.wrapClass(value);
    }
  }
}

if (!isMainThread) {
  const buffer = getEnvironmentData(KEY);
  if (buffer !== undefined) await wrapAll(buffer);
}
