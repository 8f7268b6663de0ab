/**
 * Servers that are no brokers, or break the rules of a login: `velo run` says so once, in time, and
 * ends. Real TCP servers of the test's own; the whole command, because what goes wrong here goes
 * wrong in sockets, where an exception would end the process.
 */
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { velo } from '../support/velo-process.js';

const CONNECT_TIMEOUT_MS = 2_000;
/** Beside it: a process starts, and the three tries of what may be a broker that starts. */
const MS_MAX = CONNECT_TIMEOUT_MS + 6_000;

const LOGIN = {
  'properties.security.protocol': 'SASL_PLAINTEXT',
  'properties.sasl.mechanism': 'SCRAM-SHA-256',
  'properties.sasl.username': 'alice',
  'properties.sasl.password': 'sesame-open',
};
const TLS = { 'properties.security.protocol': 'SSL' };

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** The port of a server that treats its clients so. */
async function serve(treat: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    treat(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** What `velo run` says of such a server; it always ends as a connector's error does. */
async function saidOf(
  treat: (socket: Socket) => void,
  options: Readonly<Record<string, string>> = {},
): Promise<string> {
  const port = await serve(treat);
  const all = {
    connector: 'kafka',
    topic: 't',
    format: 'json',
    'connect.timeout': `${CONNECT_TIMEOUT_MS}ms`,
    'properties.bootstrap.servers': `127.0.0.1:${port}`,
    ...options,
  };
  const list = Object.entries(all).map(([name, value]) => `'${name}' = '${value}'`);
  const sql = `CREATE TABLE t (id BIGINT) WITH (${list.join(', ')}); SELECT id FROM t;`;
  // Little memory: what a server says it will send must not be kept, or asked for.
  const env = { NODE_OPTIONS: '--max-old-space-size=256' };
  const { exit, stderr, ms } = await velo(['run', '-e', sql], { limitMs: 20_000, env });
  expect(stderr.match(/error\[VELO_/g), stderr).toHaveLength(1);
  expect(stderr).not.toMatch(/^ +at |VELO_INTERNAL|through librdkafka|sesame-open/m);
  expect(exit).toBe(1);
  expect(ms).toBeLessThan(MS_MAX);
  return stderr;
}

/** After the first request. */
function answer(bytes: Uint8Array | string): (socket: Socket) => void {
  return (socket) => socket.once('data', () => socket.end(bytes));
}

/** A frame of two thousand million bytes, and what fits on the wire of them. */
function flood(socket: Socket): void {
  const zeros = Buffer.alloc(1 << 20);
  const go = (): void => {
    while (!socket.destroyed && socket.write(zeros));
    if (!socket.destroyed) socket.once('drain', go);
  };
  socket.once('data', () => {
    socket.write(Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]));
    go();
  });
}

describe('a server that is no broker', () => {
  const garbage = Buffer.from(Array.from({ length: 4_096 }, (_, at) => (at * 89 + 71) & 255));
  const http = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n';
  const foreign = /error\[VELO_KAFKA\]: what the broker at 127\.0\.0\.1:\d+ sends is not Kafka's/;
  const noAnswer = /VELO_BROKER_UNREACHABLE\]: no Kafka broker answers .*\n.*tried for 2 s: /;

  it.each([
    ['sends garbage', (socket: Socket) => socket.write(garbage), foreign],
    ['sends zeros', (socket: Socket) => socket.write(Buffer.alloc(4_096)), foreign],
    ['speaks HTTP', answer(http), foreign],
    ['announces an enormous answer, and sends it', flood, foreign],
    ['answers what cannot be read', (socket: Socket) => reply(socket, () => [0, 0]), foreign],
    ['never answers', () => undefined, noAnswer],
    ['closes at once', (socket: Socket) => socket.end(), noAnswer],
    ['resets', (socket: Socket) => socket.resetAndDestroy(), noAnswer],
    ['breaks off', answer(Buffer.from([0, 0, 1, 0, 0, 0, 0, 0])), noAnswer],
  ])('and %s', async (_, treat, expected) => {
    expect(await saidOf(treat)).toMatch(expected);
  });

  it.each([
    ['sends garbage', (socket: Socket) => socket.write(garbage), foreign],
    ['speaks HTTP', answer(http), foreign],
    ['announces an enormous answer, and sends it', flood, foreign],
    ['never answers', () => undefined, noAnswer],
    ['closes at once', (socket: Socket) => socket.end(), /VELO_KAFKA_AUTHENTICATION/],
  ])('and %s, when asked for a login', async (_, treat, expected) => {
    expect(await saidOf(treat, LOGIN)).toMatch(expected);
  });

  it.each([
    ['sends garbage', (socket: Socket) => socket.write(garbage), /VELO_KAFKA_TLS.*speak TLS/],
    ['speaks HTTP', answer(http), /VELO_KAFKA_TLS.*speak TLS\n.*wrong version number\n/],
    ['never answers', () => undefined, noAnswer],
  ])('and %s, when asked for TLS', async (_, treat, expected) => {
    expect(await saidOf(treat, TLS)).toMatch(expected);
  });

  it('but a broker of long ago is told apart', async () => {
    const old = (socket: Socket): void => {
      reply(socket, () => [0, 35, 0, 0, 0, 0]);
    };
    expect(await saidOf(old, { fetch: 'columnar' })).toContain('VELO_KAFKA_BROKER_OLD');
  });
});

describe('a server that breaks the rules of SCRAM', () => {
  const salt = 's=c2FsdHNhbHQ=';
  const proper = (nonce: string): string => `r=${nonce}more,${salt},i=4096`;
  const refused = /VELO_KAFKA_AUTHENTICATION\]: the Kafka broker at 127\.0\.0\.1:\d+ /;

  it.each([
    ['without a nonce', () => `${salt},i=4096`, 'its answer has no nonce'],
    ['with the nonce of another', () => `r=x,${salt},i=4096`, 'does not continue'],
    ['without a salt', (nonce: string) => `r=${nonce}more,i=4096`, 'has no salt'],
    ['with words for a number', (nonce: string) => `r=${nonce}m,${salt},i=many`, '"many" iter'],
    ['with too few iterations', (nonce: string) => `r=${nonce}m,${salt},i=1`, '"1" iterations'],
    [
      'with iterations for an hour',
      (nonce: string) => `r=${nonce}m,${salt},i=2147483647`,
      '"2147483647" iterations',
    ],
    ['with nothing', () => '', 'its answer has no nonce'],
    ['with words', () => 'hello', 'its answer has no nonce'],
  ])('%s', async (_, first, expected) => {
    const said = await saidOf((socket) => {
      scram(socket, first, () => '');
    }, LOGIN);
    expect(said).toMatch(refused);
    expect(said).toContain(expected);
  });

  it.each([
    ['cannot prove that it knows the password', () => 'v=AAAA', 'its signature is not that'],
    ['proves nothing', () => '', 'its answer has no signature'],
    ['says what is wrong', () => 'e=invalid-proof', 'invalid-proof'],
  ])('and %s', async (_, last, expected) => {
    const said = await saidOf((socket) => {
      scram(socket, proper, last);
    }, LOGIN);
    expect(said).toMatch(refused);
    expect(said).toContain(expected);
  });

  it('and breaks off', async () => {
    expect(
      await saidOf((socket) => {
        scram(socket, proper, () => null);
      }, LOGIN),
    ).toMatch(/VELO_KAFKA_AUTHENTICATION\]: .* closes the connection while user "alice"/);
  });
});

/** Answers each request of a client with the bytes behind a header; null: it hangs up. */
function reply(socket: Socket, body: (request: Buffer) => readonly number[] | null): void {
  let waiting: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.length >= 4 && waiting.length >= 4 + waiting.readInt32BE(0)) {
      const request = waiting.subarray(4, 4 + waiting.readInt32BE(0));
      waiting = waiting.subarray(4 + request.length);
      const bytes = body(request);
      if (bytes === null) {
        socket.end();
        return;
      }
      const header = Buffer.alloc(8);
      header.writeInt32BE(4 + bytes.length, 0);
      request.copy(header, 4, 4, 8);
      socket.write(Buffer.concat([header, Buffer.from(bytes)]));
    }
  });
}

const HANDSHAKE_KEY = 17;

/** Logs a client in, by SCRAM-SHA-256, with these two answers. */
function scram(socket: Socket, first: (nonce: string) => string, last: () => string | null): void {
  let steps = 0;
  reply(socket, (request) => {
    if (request.readInt16BE(0) === HANDSHAKE_KEY) {
      // No error, an array of one mechanism.
      return [0, 0, 0, 0, 0, 1, 0, 13, ...Buffer.from('SCRAM-SHA-256')];
    }
    steps += 1;
    const nonce = /r=([\w-]+)/.exec(request.toString('latin1'))?.[1] ?? '';
    const text = steps === 1 ? first(nonce) : last();
    if (text === null) return null;
    const bytes = Buffer.from(text);
    // Tags of the header, no error, no message, bytes, no lifetime, tags.
    return [0, 0, 0, 0, bytes.length + 1, ...bytes, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  });
}
