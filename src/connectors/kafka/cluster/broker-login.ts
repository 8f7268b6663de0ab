/**
 * Connects to a broker that wants TLS or a login: @platformatic/kafka's Connection does both, then
 * its socket is handed over to a WireConnection. Owns that hand-over; loaded only where it is
 * needed, the bounds of what a server may send before it, and the steps of SCRAM, whose messages are
 * scram.ts. What a failure means to the user is connection-failure.ts.
 *
 * The session of a login may end: Connection would log in again on the same socket when four fifths
 * of its time are over. Here that moment marks the connection as expiring, and its owner goes on
 * with a new one, which is simpler than a login between frames that others wait for.
 */
import { isIP } from 'node:net';
import { Connection } from '@platformatic/kafka';
import type { SASLOptions } from '@platformatic/kafka';
import type { ConnectorError } from '../../../base/errors.js';
import type { BrokerAddress } from '../settings/client-settings.js';
import type { ConnectParts } from './broker-connection.js';
import { ScramLogin } from './scram.js';
import type { ScramUser } from './scram.js';
import { WireConnection, noKafka, spokeTls } from './wire-connection.js';

/** First two bytes of a TLS alert: what a TLS port answers to plain text. */
const TLS_ALERT = [0x15, 0x03];
/** A login takes a few answers of a few hundred bytes. */
const LOGIN_BYTES_MAX = 256 * 1024;
const SIZE_BYTES = 4;

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
  { settings, timeoutMs, pool, end }: ConnectParts,
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
  const answers = new LoginAnswers(address);
  const abort = (): void => {
    login.socket.destroy(new Error('it was closed'));
  };
  try {
    const connected = login.connect(host, port);
    end.addEventListener('abort', abort);
    login.socket.on('data', (chunk: Buffer) => {
      if (!answers.take(chunk)) login.socket.destroy();
    });
    await connected;
  } catch (error) {
    login.socket.destroy();
    void login.close();
    throw answers.fault ?? error;
  } finally {
    end.removeEventListener('abort', abort);
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

/** Looks at what a server sends before a login is done: Connection would keep all of it. */
class LoginAnswers {
  fault: ConnectorError | null = null;
  private readonly address: BrokerAddress;
  private bytes = 0;

  constructor(address: BrokerAddress) {
    this.address = address;
  }

  /** False when it is none of Kafka's. */
  take(chunk: Buffer): boolean {
    const first = this.bytes === 0;
    this.bytes += chunk.length;
    if (first && TLS_ALERT.every((byte, at) => chunk[at] === byte)) {
      this.fault = spokeTls(this.address);
    } else if (first && chunk.length >= SIZE_BYTES) {
      const size = chunk.readInt32BE(0);
      const plausible = size >= SIZE_BYTES && size <= LOGIN_BYTES_MAX;
      if (!plausible)
        this.fault = noKafka(this.address, `a response of ${size} bytes is announced`);
    }
    if (this.bytes > LOGIN_BYTES_MAX) {
      this.fault ??= noKafka(this.address, 'its answers to the login do not end');
    }
    return this.fault === null;
  }
}

type Authenticator = NonNullable<SASLOptions['authenticate']>;
type SendBytes = Parameters<Authenticator>[2];
type LoginAnswer = Awaited<ReturnType<SendBytes['async']>>;

function sasl(options: SASLOptions): SASLOptions {
  const { mechanism } = options;
  if (mechanism === 'SCRAM-SHA-256' || mechanism === 'SCRAM-SHA-512') {
    // Checked boundary: security-settings.ts gives both as texts.
    const [username, password] = [options.username as string, options.password as string];
    return {
      ...options,
      authenticate: (_, connection, send, _user, _password, _token, done) => {
        scram({ mechanism, username, password }, connection, send).then(
          (response) => done(null, response),
          (error: unknown) => done(error as Error),
        );
      },
    };
  }
  if (mechanism !== 'OAUTHBEARER') return options;
  return {
    ...options,
    authBytesValidator: (bytes, done) => {
      // A broker says in JSON why it does not take a token, and nothing when it does.
      if (bytes.length === 0) done(null, bytes);
      else done(new Error(`the broker answers ${bytes.toString('utf8')}`));
    },
  };
}

async function scram(
  user: ScramUser,
  connection: Connection,
  send: SendBytes,
): Promise<LoginAnswer> {
  const login = new ScramLogin(user);
  const first = await send.async(connection, Buffer.from(login.first()));
  const final = await login.final(first.authBytes.toString('utf8'));
  const last = await send.async(connection, Buffer.from(final));
  login.verify(last.authBytes.toString('utf8'));
  return last;
}
