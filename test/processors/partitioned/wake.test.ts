/** Wake cells: sleeps that end in time, tickets that are stale, and a loop that stays alive. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { WakeCell } from '../../../src/processors/partitioned/exchange/wake.js';

const LIMIT_MS = 240_000;

function cell(): WakeCell {
  return new WakeCell(new SharedArrayBuffer(WakeCell.bytes), 0);
}

async function timed<T>(run: () => T | Promise<T>): Promise<{ value: T; ms: number }> {
  const startMs = performance.now();
  const value = await run();
  return { value, ms: performance.now() - startMs };
}

describe('a wake cell', () => {
  test('a sleep lasts as long as its timeout, also below a millisecond', () => {
    for (const timeoutMs of [0.2, 1, 5]) {
      const mine = cell();
      const startMs = performance.now();
      expect(mine.sleep(mine.ticket(), timeoutMs)).toBe('timeout');
      expect(performance.now() - startMs).toBeGreaterThanOrEqual(timeoutMs * 0.95);
    }
  });

  test('a sleep beside the event loop lasts as long, also below a millisecond', async () => {
    for (const timeoutMs of [0.2, 0.6, 1.5, 5]) {
      const mine = cell();
      const { value, ms } = await timed(() => mine.sleepAsync(mine.ticket(), timeoutMs));
      expect(value).toBe('timeout');
      // From 1 ms on it is a timer's, which counts whole milliseconds.
      expect(ms).toBeGreaterThanOrEqual(timeoutMs < 1 ? timeoutMs * 0.95 : timeoutMs - 1);
    }
  });

  test('a wake since the ticket was read ends the sleep before it begins', async () => {
    const mine = cell();
    for (const timeoutMs of [0.5, LIMIT_MS, Infinity]) {
      const stale = mine.ticket();
      mine.wake();
      expect(mine.sleep(stale, timeoutMs)).toBe('woken');
      expect(await mine.sleepAsync(stale, timeoutMs)).toBe('woken');
    }
    expect(mine.sleep(mine.ticket(), 1)).toBe('timeout');
    expect(await mine.sleepAsync(mine.ticket(), 1)).toBe('timeout');
  });

  test('a wake ends a sleep beside the event loop', async () => {
    const mine = cell();
    setTimeout(() => mine.wake(), 5);
    const { value, ms } = await timed(() => mine.sleepAsync(mine.ticket(), LIMIT_MS));
    expect(value).toBe('woken');
    expect(ms).toBeLessThan(LIMIT_MS / 2);
  });

  test('timers and sockets run between short sleeps in a row', async () => {
    const mine = cell();
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    for (let i = 0; i < 40; i += 1) await mine.sleepAsync(mine.ticket(), 0.5);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(4);
  });

  test('cells beside each other do not wake each other', () => {
    const buffer = new SharedArrayBuffer(2 * WakeCell.bytes);
    const first = new WakeCell(buffer, 0);
    const second = new WakeCell(buffer, WakeCell.bytes);
    const ticket = first.ticket();
    second.wake();
    expect(first.sleep(ticket, 1)).toBe('timeout');
    expect(() => new WakeCell(buffer, 8)).toThrow('line of its own');
  });

  test('a sleeping thread that has nothing else stays alive until it is over', async () => {
    const module = new URL('../../../dist/processors/partitioned/exchange/wake.js', import.meta.url)
      .href;
    const script = `
      import { WakeCell } from ${JSON.stringify(module)};
      const cell = new WakeCell(new SharedArrayBuffer(64), 0);
      console.log(await cell.sleepAsync(cell.ticket(), 20));`;
    const args = ['--input-type=module', '-e', script];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: LIMIT_MS });
    expect(stdout).toBe('timeout\n');
  });
});

/**
 * The protocol drawn above WakeCell as a state machine: its owner and two threads that publish and
 * wake twice each. One step each is what one atomic operation does.
 */
interface Protocol {
  owner: 'ticket' | 'look' | 'S1' | 'S2' | 'asleep' | 'S3';
  ticket: number;
  wakes: number;
  sleeping: number;
  published: number;
  found: number;
  wakers: { step: 'publish' | 'W1' | 'W2' | 'take' | 'W3'; left: number }[];
}

function ownerStep(state: Protocol): void {
  if (state.owner === 'ticket') {
    state.ticket = state.wakes;
    state.owner = 'look';
  } else if (state.owner === 'look') {
    state.owner = state.found === state.published ? 'S1' : 'ticket';
    state.found = state.published;
  } else if (state.owner === 'S1') {
    state.sleeping = 1;
    state.owner = 'S2';
  } else if (state.owner === 'S2') {
    state.owner = state.wakes === state.ticket ? 'asleep' : 'S3';
  } else {
    state.sleeping = 0;
    state.owner = 'ticket';
  }
}

/** `takesFlag`: the variant that the header of wake.ts warns of. */
function wakerStep(state: Protocol, at: number, takesFlag: boolean): void {
  const waker = state.wakers[at] as Protocol['wakers'][number];
  const next = (): void => {
    waker.left -= 1;
    waker.step = 'publish';
  };
  if (waker.step === 'publish') {
    state.published += 1;
    waker.step = 'W1';
  } else if (waker.step === 'W1') {
    state.wakes += 1;
    waker.step = 'W2';
  } else if (waker.step === 'W2') {
    if (state.sleeping === 0) next();
    else waker.step = takesFlag ? 'take' : 'W3';
  } else if (waker.step === 'take') {
    if (state.sleeping === 0) next();
    else waker.step = 'W3';
    state.sleeping = 0;
  } else {
    if (state.owner === 'asleep') state.owner = 'S3';
    next();
  }
}

/** States, of all that any order of steps leads to, in which the owner sleeps on for ever. */
function stuckStates(takesFlag: boolean): { states: number; stuck: number } {
  const seen = new Set<string>();
  const waker = { step: 'publish' as const, left: 2 };
  const begin = { wakes: 0, sleeping: 0, published: 0, found: 0 };
  const open: Protocol[] = [
    { owner: 'ticket', ticket: 0, ...begin, wakers: [{ ...waker }, { ...waker }] },
  ];
  let stuck = 0;
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    const key = JSON.stringify(state);
    if (seen.has(key)) continue;
    seen.add(key);
    const from = state;
    const follow = (step: (copy: Protocol) => void): void => {
      const copy = structuredClone(from);
      step(copy);
      open.push(copy);
    };
    const awake = state.wakers.flatMap(({ left }, at) => (left > 0 ? [at] : []));
    awake.forEach((at) => follow((copy) => wakerStep(copy, at, takesFlag)));
    if (state.owner !== 'asleep') follow(ownerStep);
    else if (awake.length === 0 && state.found !== state.published) stuck += 1;
  }
  return { states: seen.size, stuck };
}

describe('the protocol of wake cells', () => {
  test('loses no wake-up in any order of its steps', () => {
    const { states, stuck } = stuckStates(false);
    expect(states).toBeGreaterThan(500);
    expect(stuck).toBe(0);
  });

  test('would lose one if who wakes took the flag', () => {
    expect(stuckStates(true).stuck).toBeGreaterThan(0);
  });
});
