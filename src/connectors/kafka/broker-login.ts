/**
 * Connects to a broker that wants TLS or a login: @platformatic/kafka's Connection does both, then
 * its socket is handed over to a WireConnection. Owns that hand-over; loaded only where it is
 * needed. What a failure means to the user is connection-failure.ts.
 *
 * The session of a login may end: Connection would log in again on the same socket when four fifths
 * of its time are over. Here that moment marks the connection as expiring, and its owner goes on
 * with a new one, which is simpler than a login between frames that others wait for.
 */
import { isIP } from 'node:net';
import { Connection } from '@platformatic/kafka';
import type { SASLOptions } from '@platformatic/kafka';
import type { BrokerAddress, ClientSettings } from './client-settings.js';
import type { FramePool } from './frame-pool.js';
import { WireConnection, spokeTls } from './wire-connection.js';

/** First two bytes of a TLS alert: what a TLS port answers to plain text. */
const TLS_ALERT = [0x15, 0x03];

class Login extends Connection {
  /** Called when the session has a fifth of its time left. */
  expiring: () => void = () => undefined;

  override reauthenticate(): void {
    this.expiring();
  }
}

/** Rejects with what @platformatic/kafka or Node says, after `timeoutMs` at the latest. */
export async function loginToBroker(
  address: BrokerAddress,
  settings: ClientSettings,
  timeoutMs: number,
  pool: FramePool,
): Promise<WireConnection> {
  const { host, port } = address;
  const login = new Login(settings.clientId, {
    connectTimeout: timeoutMs,
    requestTimeout: timeoutMs,
    ...(settings.tls === null ? {} : { tls: settings.tls }),
    // A server's name in TLS is a name: an address has none.
    ...(isIP(host) === 0 ? { tlsServerName: host } : {}),
    ...(settings.sasl === null ? {} : { sasl: sasl(settings.sasl.options) }),
  });
  // A failure after connect() gave up has nobody else to hear it.
  login.on('error', () => undefined);
  let plainToTls = false;
  try {
    const connected = login.connect(host, port);
    if (settings.tls === null) {
      login.socket.once('data', (chunk: Buffer) => {
        plainToTls = TLS_ALERT.every((byte, at) => chunk[at] === byte);
      });
    }
    await connected;
  } catch (error) {
    login.socket.destroy();
    void login.close();
    throw plainToTls ? spokeTls(address) : error;
  }
  const { socket } = login;
  socket.removeAllListeners('data');
  if (settings.keepAlive) socket.setKeepAlive(true);
  const { clientId, requestTimeoutMs, frameBytesMax } = settings;
  const ended = (): void => {
    // Ends the session's timer too, which would keep the process.
    void login.close();
  };
  const parts = {
    socket,
    inlet: null,
    address,
    clientId,
    requestTimeoutMs,
    frameBytesMax,
    pool,
    ended,
  };
  const connection = new WireConnection(parts);
  login.expiring = () => {
    connection.expiring = true;
  };
  return connection;
}

function sasl(options: SASLOptions): SASLOptions {
  if (options.mechanism !== 'OAUTHBEARER') return options;
  return {
    ...options,
    authBytesValidator: (bytes, done) => {
      // A broker says in JSON why it does not take a token, and nothing when it does.
      if (bytes.length === 0) done(null, bytes);
      else done(new Error(`the broker answers ${bytes.toString('utf8')}`));
    },
  };
}
