/** Rings on one thread: order, bounds, and counts that wrap. concurrency.test.ts has the threads. */
import { describe, expect, test } from 'vitest';
import { mulberry32 } from '../../../src/bench/statistics.js';
import { Ring } from '../../../src/processors/partitioned/exchange/ring.js';

function bufferFor(slots: number): SharedArrayBuffer {
  return new SharedArrayBuffer(Ring.bytesFor(slots));
}

describe('a ring', () => {
  test('gives values back in order, until it is empty', () => {
    const ring = new Ring(bufferFor(4));
    expect([ring.pop(), ring.peek(), ring.size()]).toEqual([-1, -1, 0]);
    expect([5, 0, 0x7fffffff].map((value) => ring.tryPush(value))).toEqual([true, true, true]);
    expect([ring.size(), ring.peek(), ring.peek()]).toEqual([3, 5, 5]);
    expect([ring.pop(), ring.pop(), ring.pop(), ring.pop()]).toEqual([5, 0, 0x7fffffff, -1]);
  });

  test.each([1, 2, 8])('of %i slots refuses one more', (slots) => {
    const ring = new Ring(bufferFor(slots), 0, slots);
    for (let i = 0; i < slots; i += 1) expect(ring.tryPush(i)).toBe(true);
    expect([ring.tryPush(99), ring.size(), ring.slots]).toEqual([false, slots, slots]);
    expect([ring.pop(), ring.tryPush(100), ring.tryPush(101)]).toEqual([0, true, false]);
  });

  test('rounds its slots up to a power of two, and alone in a buffer uses all of it', () => {
    expect(new Ring(bufferFor(5), 0, 5).slots).toBe(8);
    expect([1, 2, 3, 64].map((slots) => new Ring(bufferFor(slots)).slots)).toEqual([1, 2, 4, 64]);
    expect(() => new Ring(bufferFor(16), 0, 32)).toThrow('holds all slots');
    expect(() => new Ring(bufferFor(16), 4, 1)).toThrow('line of its own');
  });

  test('several lie in one buffer', () => {
    const bytes = Ring.bytesFor(16);
    const buffer = new SharedArrayBuffer(bytes * 3);
    const rings = [0, 1, 2].map((at) => new Ring(buffer, at * bytes, 4));
    for (let i = 0; i < 4; i += 1) rings.forEach((ring, at) => ring.tryPush(at * 10 + i));
    expect(rings.map((ring) => [ring.pop(), ring.pop(), ring.pop(), ring.pop()])).toEqual([
      [0, 1, 2, 3],
      [10, 11, 12, 13],
      [20, 21, 22, 23],
    ]);
  });

  test('two objects over one buffer are its two ends', () => {
    const buffer = bufferFor(4);
    const producer = new Ring(buffer);
    const consumer = new Ring(buffer);
    producer.tryPush(7);
    expect([consumer.size(), consumer.pop(), producer.size()]).toEqual([1, 7, 0]);
    for (let i = 0; i < 100; i += 1) {
      expect([producer.tryPush(i), consumer.pop()]).toEqual([true, i]);
    }
  });

  test.each([0x7ffffffd, -3])('counts wrap past %i', (start) => {
    const buffer = bufferFor(4);
    const words = new Int32Array(buffer);
    words[0] = start;
    words[16] = start;
    const producer = new Ring(buffer);
    const consumer = new Ring(buffer);
    for (let i = 0; i < 10; i += 1) {
      for (let k = 0; k < 4; k += 1) expect(producer.tryPush(i * 4 + k)).toBe(true);
      expect([producer.tryPush(0), consumer.size()]).toEqual([false, 4]);
      for (let k = 0; k < 4; k += 1) expect(consumer.pop()).toBe(i * 4 + k);
      expect([consumer.pop(), producer.size()]).toEqual([-1, 0]);
    }
  });

  test.each([21, 22, 23])('random pushes and pops equal a queue (seed %i)', (seed) => {
    const random = mulberry32(seed);
    const buffer = bufferFor(1 << Math.floor(random() * 4));
    const producer = new Ring(buffer);
    const consumer = new Ring(buffer);
    const queue: number[] = [];
    for (let step = 0; step < 20_000; step += 1) {
      if (random() < 0.5) {
        const pushed = producer.tryPush(step);
        if (pushed !== queue.length < producer.slots) expect.fail(`push at step ${step}`);
        if (pushed) queue.push(step);
      } else {
        if (consumer.pop() !== (queue.shift() ?? -1)) expect.fail(`pop at step ${step}`);
      }
      if (consumer.size() !== queue.length) expect.fail(`size at step ${step}`);
    }
  });
});
