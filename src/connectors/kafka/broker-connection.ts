/**
 * Connects to one broker. Owns plain sockets, which read into one buffer, where Node would make one
 * of 64 KiB for every read; TLS and logins are broker-login.ts.
 */
import { createConnection } from 'node:net';
import type { BrokerAddress, ClientSettings } from './client-settings.js';
import type { FramePool } from './frame-pool.js';
import { WireConnection } from './wire-connection.js';
import type { SocketInlet } from './wire-connection.js';

/** Read at a time: a few of a broker's writes, well within a core's cache. */
const READ_BYTES = 256 * 1024;

/** Rejects with what @platformatic/kafka or Node says, after `timeoutMs` at the latest. */
export async function connectBroker(
  address: BrokerAddress,
  settings: ClientSettings,
  timeoutMs: number,
  pool: FramePool,
): Promise<WireConnection> {
  if (settings.tls === null && settings.sasl === null) {
    return connectPlain(address, settings, timeoutMs, pool);
  }
  const { loginToBroker } = await import('./broker-login.js');
  return loginToBroker(address, settings, timeoutMs, pool);
}

async function connectPlain(
  address: BrokerAddress,
  { clientId, requestTimeoutMs, frameBytesMax, keepAlive }: ClientSettings,
  timeoutMs: number,
  pool: FramePool,
): Promise<WireConnection> {
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
  await new Promise<void>((resolve, reject) => {
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

function connectTimedOut({ host, port }: BrokerAddress): Error {
  return Object.assign(new Error(`connection to ${host}:${port} timed out`), { code: 'ETIMEDOUT' });
}
