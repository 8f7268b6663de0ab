/**
 * Responses over a socket that cuts them anywhere: each request gets its own, whole; and a
 * connection that ends, is silent or talks nonsense tells everybody who waits.
 */
import fc from 'fast-check';
import { createConnection, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { FramePool } from '../../src/connectors/kafka/cluster/frame-pool.js';
import { WireConnection } from '../../src/connectors/kafka/cluster/wire-connection.js';
import { failureOf } from './harness.js';

const HEADER_BYTES = 4 + 2 + 2 + 4 + 2 + 'velo'.length;
let server: Server | null = null;

afterEach(() => {
  server?.close();
  server = null;
});

/** A connection to a broker that does what `serve` does with its socket. */
async function connect(
  serve: (socket: Socket) => void,
  limits: { readonly requestTimeoutMs?: number; readonly frameBytesMax?: number } = {},
): Promise<WireConnection> {
  server = createServer(serve);
  const listening = server;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as AddressInfo;
  const socket = createConnection(port, '127.0.0.1');
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  const fixed = { requestTimeoutMs: 10_000, frameBytesMax: 1 << 20, clientId: 'velo' };
  const address = { host: '127.0.0.1', port };
  const parts = {
    socket,
    inlet: null,
    address,
    pool: new FramePool(1 << 20),
    ended: () => undefined,
  };
  return new WireConnection({ ...fixed, ...limits, ...parts });
}

function response(correlationId: number, body: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeInt32BE(4 + body.length, 0);
  head.writeInt32BE(correlationId, 4);
  return Buffer.concat([head, body]);
}

describe('a connection', () => {
  it('sends header and body, and gives each request its response, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 60_000 }), { minLength: 1, maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 20 }),
        async (bodies, cuts) => {
          const got: Buffer[] = [];
          const connection = await connect((socket) => {
            socket.on('data', (chunk: Buffer) => {
              got.push(chunk);
              if (Buffer.concat(got).length < bodies.length * (HEADER_BYTES + 3)) return;
              const bytes = Buffer.concat(bodies.map((body, at) => response(at, body)));
              void sendInParts(socket, bytes, cuts);
            });
          });
          const question = new Uint8Array([1, 2, 3]);
          const frames = await Promise.all(
            bodies.map(() => connection.request(9, 2, question, false)),
          );
          for (const [at, { bytes, from, to, release }] of frames.entries()) {
            expect(Buffer.from(bytes.subarray(from, to))).toEqual(Buffer.from(bodies[at] ?? []));
            expect(bytes.length).toBeGreaterThan(to);
            release.call(frames[at]);
          }
          expect(
            Buffer.concat(got)
              .subarray(0, HEADER_BYTES + 3)
              .toString('hex'),
          ).toBe(
            `${'00000011'}00090002${'00000000'}0004${Buffer.from('velo').toString('hex')}010203`,
          );
          connection.close();
          expect(await connection.closed).toBeNull();
          server?.close();
        },
      ),
      { numRuns: 30, seed: 7 },
    );
  }, 60_000);

  it('skips the tags of a flexible response', async () => {
    const connection = await connect((socket) => {
      socket.once('data', () => socket.write(response(0, new Uint8Array([1, 0, 2, 8, 8, 42]))));
    });
    const frame = await connection.request(3, 12, new Uint8Array(0), true);
    expect([...frame.bytes.subarray(frame.from, frame.to)]).toEqual([42]);
    connection.close();
  }, 10_000);

  it('that the broker closes rejects all that wait, and says why', async () => {
    const connection = await connect((socket) => {
      socket.once('data', () => socket.destroy());
    });
    const asked = [0, 1].map(() => connection.request(3, 12, new Uint8Array(0), true));
    for (const { error } of await Promise.all(asked.map((one) => failureOf(() => one)))) {
      expect(error).toMatchObject({ key: 'BROKER_UNREACHABLE', retry: 'backoff' });
    }
    expect(await connection.closed).toMatchObject({ key: 'BROKER_UNREACHABLE' });
    const late = await failureOf(() => connection.request(3, 12, new Uint8Array(0), true));
    expect(late.error).toMatchObject({ key: 'BROKER_UNREACHABLE' });
  }, 10_000);

  it('to a broker that is silent ends after the request timeout', async () => {
    const connection = await connect(() => undefined, { requestTimeoutMs: 100 });
    const asked = connection.request(3, 12, new Uint8Array(0), true);
    const { error } = await failureOf(() => asked);
    expect(error).toMatchObject({ key: 'BROKER_UNREACHABLE', detail: 'no answer for 0.1 s' });
  }, 10_000);

  it.each([
    ['is larger than the bound', Buffer.from([0x00, 0x20, 0x00, 0x00]), 'KAFKA'],
    ['has a negative size', Buffer.from([0xff, 0xff, 0xff, 0xff]), 'KAFKA'],
    ['belongs to no request', response(7, new Uint8Array(1)), 'KAFKA'],
    ['is an alert of TLS', Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x46]), 'KAFKA_TLS'],
  ])(
    'refuses a response that %s',
    async (_, bytes, key) => {
      const connection = await connect((socket) => {
        socket.once('data', () => socket.write(bytes));
      });
      const { error } = await failureOf(() => connection.request(3, 12, new Uint8Array(0), true));
      expect(error).toMatchObject({ key });
    },
    10_000,
  );
});

describe('a pool of buffers', () => {
  it('uses a buffer again that was given back, if it fits', () => {
    const pool = new FramePool(1 << 20);
    const first = pool.take(100_000);
    pool.give(first);
    expect(pool.take(40_000) === first).toBe(false);
    expect(pool.take(100_000) === first).toBe(true);
    expect(pool.take(100_000) === first).toBe(false);
  });

  it('keeps no more bytes than its bound, and lets the oldest go', () => {
    const pool = new FramePool(300_000);
    const buffers = [1, 2, 3].map(() => pool.take(131_072));
    for (const buffer of buffers) pool.give(buffer);
    const again = [1, 2, 3].map(() => buffers.indexOf(pool.take(131_072)));
    expect(again).toEqual([1, 2, -1]);
    const large = new Uint8Array(400_000);
    pool.give(large);
    expect(pool.take(400_000) === large).toBe(false);
  });
});

async function sendInParts(socket: Socket, bytes: Buffer, cuts: readonly number[]): Promise<void> {
  let at = 0;
  for (const cut of cuts) {
    socket.write(bytes.subarray(at, at + cut));
    at += cut;
    await new Promise((resolve) => setImmediate(resolve));
    if (at >= bytes.length) return;
  }
  socket.write(bytes.subarray(at));
}
