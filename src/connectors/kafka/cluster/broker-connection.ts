/**
 * Connects to one broker. Owns plain sockets, which read into one buffer, where Node would make one
 * of 64 KiB for every read; TLS and logins are broker-login.ts.
 */
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import type { BrokerAddress, ClientSettings } from '../settings/client-settings.js';
import type { FramePool } from './frame-pool.js';
import { WireConnection } from './wire-connection.js';
import type { SocketInlet } from './wire-connection.js';

/** Read at a time: a few of a broker's writes, well within a core's cache. */
const READ_BYTES = 256 * 1024;

export interface ConnectParts {
  readonly settings: ClientSettings;
  readonly timeoutMs: number;
  readonly pool: FramePool;
  /** Nobody waits for the connection any more. */
  readonly end: AbortSignal;
}

/**
 * Rejects with what @platformatic/kafka or Node says, after `timeoutMs` at the latest, or when
 * nobody waits any more.
 */
export async function connectBroker(
  address: BrokerAddress,
  parts: ConnectParts,
): Promise<WireConnection> {
  const { settings } = parts;
  if (settings.tls === null && settings.sasl === null) return connectPlain(address, parts);
  const { loginToBroker } = await import('./broker-login.js');
  return loginToBroker(address, parts);
}

async function connectPlain(
  address: BrokerAddress,
  { settings, timeoutMs, pool, end }: ConnectParts,
): Promise<WireConnection> {
  const { clientId, requestTimeoutMs, frameBytesMax, keepAlive } = settings;
  const inlet: SocketInlet = { take: () => undefined };
  const onread = {
    buffer: Buffer.allocUnsafeSlow(READ_BYTES),
    callback: (length: number, bytes: Uint8Array): boolean => {
      inlet.take(bytes as Buffer, length);
      return true;
    },
  };
  const { host, port } = address;
  const socket = createConnection({ host, port, keepAlive, noDelay: true, onread });
  await whileWaitedFor(socket, end, (resolve, reject) => {
    socket.setTimeout(timeoutMs, () => {
      socket.destroy(connectTimedOut(address));
    });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.removeListener('error', reject);
      resolve();
    });
  });
  const parts = { socket, inlet, address, clientId, requestTimeoutMs, frameBytesMax, pool };
  return new WireConnection({ ...parts, ended: () => undefined });
}

/** Destroys the socket when nobody waits for its connection any more. */
async function whileWaitedFor(
  socket: Socket,
  end: AbortSignal,
  connect: (resolve: () => void, reject: (error: Error) => void) => void,
): Promise<void> {
  const abort = (): void => {
    socket.destroy(new Error('it was closed'));
  };
  end.addEventListener('abort', abort);
  try {
    if (end.aborted) abort();
    await new Promise<void>(connect);
  } finally {
    end.removeEventListener('abort', abort);
  }
}

function connectTimedOut({ host, port }: BrokerAddress): Error {
  return Object.assign(new Error(`connection to ${host}:${port} timed out`), { code: 'ETIMEDOUT' });
}
