/** Wake cells: sleeps that end in time, tickets that are stale, and a loop that stays alive. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { WakeCell } from '../../../src/processors/partitioned/wake.js';

const LIMIT_MS = 10_000;

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
      // Timers of the event loop take whole milliseconds.
      expect(ms).toBeGreaterThanOrEqual(Math.min(timeoutMs, Math.floor(timeoutMs) || 1) * 0.95);
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
    const module = new URL('../../../dist/processors/partitioned/wake.js', import.meta.url).href;
    const script = `
      import { WakeCell } from ${JSON.stringify(module)};
      const cell = new WakeCell(new SharedArrayBuffer(64), 0);
      console.log(await cell.sleepAsync(cell.ticket(), 20));`;
    const args = ['--input-type=module', '-e', script];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: LIMIT_MS });
    expect(stdout).toBe('timeout\n');
  });
});
