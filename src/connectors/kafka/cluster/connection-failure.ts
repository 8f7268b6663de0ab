/**
 * Why a broker could not be talked to, from what Node and @platformatic/kafka throw. Owns the
 * judgement: which failures are final (a wrong password, a certificate that is not trusted), which
 * ones look like a wrong setting but may be a broker that is starting, and which just pass; and
 * their texts, which never name a password.
 */
import { ConnectorError } from '../../../base/errors.js';
import { SCRAM_BROKEN, SCRAM_REFUSED } from './scram.js';
import { advertisedUnreachable, brokerUnreachable } from './cluster-errors.js';
import type { BrokerAddress, ClientSettings } from '../settings/client-settings.js';
import type { KafkaEndpoint } from '../settings/table-options.js';

export interface ConnectionFailure {
  /** What to say when it is given up. */
  readonly error: ConnectorError;
  /** suspected: final if it happens again and again, and a connection never worked. */
  readonly kind: 'final' | 'suspected' | 'passing';
  /** In a few words, for `tried for 10 s: …`. */
  readonly reason: string;
  /** It passes, and the address is one that a broker has named. */
  readonly advertised: boolean;
}

export interface FailedConnection {
  readonly endpoint: KafkaEndpoint;
  readonly settings: ClientSettings;
  readonly address: BrokerAddress;
  /** Brokers name the address; the table does not. */
  readonly advertised?: boolean;
}

/** Errors of Kafka's protocol that end a login, as @platformatic/kafka names them. */
const REFUSED = 'SASL_AUTHENTICATION_FAILED';
const UNKNOWN_MECHANISM = 'UNSUPPORTED_SASL_MECHANISM';
const NO_LOGIN_HERE = 'ILLEGAL_SASL_STATE';

/** How Node calls failures that need no more words. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'unknown host',
  EAI_AGAIN: 'the host name cannot be resolved now',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'connection timed out',
};

const CERTIFICATE_HINTS: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID:
    "name the broker as its certificate does, or set 'properties.ssl.endpoint.identification." +
    "algorithm' to 'none'",
  CERT_HAS_EXPIRED: "renew the broker's certificate",
  CERT_NOT_YET_VALID: "check the clocks of this machine and of the broker's certificate",
};
const CA_HINT = "name the PEM file of the broker's CA with 'properties.ssl.ca.location'";
const CLIENT_CERTIFICATE_HINT =
  "name the client's certificate and key with 'properties.ssl.certificate.location' and " +
  "'properties.ssl.key.location'";

/** What is known of an error: itself, its causes and the errors that it collects. */
interface Evidence {
  readonly message: string;
  readonly code: string;
  /** Of an error in the protocol. */
  readonly apiId: string;
  readonly brokerText: string;
  readonly mechanisms: readonly string[];
}

export function connectionFailure(at: FailedConnection, error: unknown): ConnectionFailure {
  if (error instanceof ConnectorError && error.key === 'KAFKA_TLS') return final(error);
  if (error instanceof ConnectorError && error.key === 'KAFKA') {
    return suspected(error, `${nameOf(at.address)}: ${error.message}`);
  }
  const evidence = evidenceOf(error);
  const found =
    loginFailure(at, evidence, error) ??
    scramFailure(at, evidence, error) ??
    tlsFailure(at, evidence, error) ??
    tokenFailure(at, error) ??
    hungUpAtLogin(at, evidence, error);
  if (found !== null) return found;
  const why = reasonOf(evidence);
  const reason = `${nameOf(at.address)}: ${why}`;
  const { endpoint, advertised = false } = at;
  const failure = advertised
    ? advertisedUnreachable(endpoint, at.address, why, error)
    : brokerUnreachable(endpoint, reason, error);
  return { error: failure, kind: 'passing', reason, advertised };
}

/** A broker closed a connection as soon as it was asked for something. */
export function closedUnanswered(at: FailedConnection, cause: unknown): ConnectionFailure {
  const where = nameOf(at.address);
  const loggedIn = at.settings.sasl !== null;
  return suspected(
    new ConnectorError(loggedIn ? 'BROKER_UNREACHABLE' : 'KAFKA_AUTHENTICATION', {
      message: `the Kafka broker at ${where} closes the connections of ${at.endpoint.label}`,
      detail: 'it takes them, and answers nothing but its versions',
      hint: loggedIn
        ? "look into the broker's log"
        : "if it wants a login, set 'properties.security.protocol' to 'SASL_PLAINTEXT' or " +
          "'SASL_SSL', with 'properties.sasl.mechanism', user and password",
      cause,
    }),
    `${where}: the broker closed the connection`,
  );
}

function loginFailure(
  at: FailedConnection,
  evidence: readonly Evidence[],
  cause: unknown,
): ConnectionFailure | null {
  const { sasl } = at.settings;
  const protocol = evidence.find(({ apiId }) =>
    [REFUSED, UNKNOWN_MECHANISM, NO_LOGIN_HERE].includes(apiId),
  );
  if (sasl === null || protocol === undefined) return null;
  const { mechanism } = sasl.options;
  const where = nameOf(at.address);
  switch (protocol.apiId) {
    case UNKNOWN_MECHANISM: {
      const offered = evidence.flatMap(({ mechanisms }) => mechanisms);
      return final(
        new ConnectorError('KAFKA_AUTHENTICATION', {
          message: `the Kafka broker at ${where} does not take logins with ${mechanism}`,
          detail: `${sasl.who} of ${at.endpoint.label} cannot log in`,
          hint:
            offered.length === 0
              ? "name another 'properties.sasl.mechanism'"
              : `set 'properties.sasl.mechanism' to ${oneOf(offered)}`,
          cause,
        }),
      );
    }
    case NO_LOGIN_HERE:
      return final(
        new ConnectorError('KAFKA_AUTHENTICATION', {
          message: `the Kafka broker at ${where} takes no logins at this port`,
          detail: `${sasl.who} of ${at.endpoint.label} cannot log in`,
          hint:
            "set 'properties.security.protocol' to " +
            `'${at.settings.tls === null ? 'PLAINTEXT' : 'SSL'}', or name its port for logins`,
          cause,
        }),
      );
    default:
      return refusedLogin(at, protocol.brokerText, cause);
  }
}

function scramFailure(
  at: FailedConnection,
  evidence: readonly Evidence[],
  cause: unknown,
): ConnectionFailure | null {
  const { sasl } = at.settings;
  const fault = evidence.find(({ code }) => code === SCRAM_BROKEN || code === SCRAM_REFUSED);
  if (sasl === null || fault === undefined) return null;
  if (fault.code === SCRAM_REFUSED) return refusedLogin(at, fault.message, cause);
  return final(
    new ConnectorError('KAFKA_AUTHENTICATION', {
      message: `the Kafka broker at ${nameOf(at.address)} cannot be trusted with the login of ${
        sasl.who
      } of ${at.endpoint.label} (${sasl.options.mechanism})`,
      detail: fault.message,
      hint: "check host and port in 'properties.bootstrap.servers': a broker does not answer so",
      cause,
    }),
  );
}

/** The broker says in the answer itself that the token is none; or there is no token. */
function tokenFailure(at: FailedConnection, cause: unknown): ConnectionFailure | null {
  const { sasl } = at.settings;
  if (sasl?.options.mechanism !== 'OAUTHBEARER' || !isLoginError(cause)) return null;
  const evidence = evidenceOf(cause);
  const told = evidence.find(({ message }) => message.startsWith('the broker answers'));
  const lacking = evidence.find(({ code }) => code === 'ENOENT' || code === 'EACCES');
  if (told === undefined && lacking === undefined) return null;
  return refusedLogin(at, (told ?? lacking)?.message ?? '', cause);
}

/** The broker closed the connection instead of an answer to the login, as it may for nonsense. */
function hungUpAtLogin(
  at: FailedConnection,
  evidence: readonly Evidence[],
  cause: unknown,
): ConnectionFailure | null {
  const { sasl } = at.settings;
  const closed = evidence.some(({ message }) => message.startsWith('Connection closed'));
  if (sasl === null || !closed) return null;
  const where = nameOf(at.address);
  const error = new ConnectorError('KAFKA_AUTHENTICATION', {
    message: `the Kafka broker at ${where} closes the connection while ${sasl.who} of ${
      at.endpoint.label
    } logs in (${sasl.options.mechanism})`,
    hint: `check ${sasl.from}, and look into the broker's log`,
    cause,
  });
  return suspected(error, `${where}: the broker closed the connection`);
}

function isLoginError(error: unknown): boolean {
  return evidenceOf(error).some(({ code }) => code === 'PLT_KFK_AUTHENTICATION');
}

function refusedLogin(at: FailedConnection, brokerText: string, cause: unknown): ConnectionFailure {
  const { sasl } = at.settings;
  const mechanism = sasl?.options.mechanism ?? 'SASL';
  return final(
    new ConnectorError('KAFKA_AUTHENTICATION', {
      message: `the Kafka broker at ${nameOf(at.address)} refuses ${sasl?.who ?? 'the user'} of ${
        at.endpoint.label
      } (${mechanism})`,
      detail: brokerText === '' ? undefined : brokerText,
      hint: `check ${sasl?.from ?? 'the login'}`,
      cause,
    }),
  );
}

function tlsFailure(
  at: FailedConnection,
  evidence: readonly Evidence[],
  cause: unknown,
): ConnectionFailure | null {
  if (at.settings.tls === null) return null;
  const where = nameOf(at.address);
  const plain = evidence.find(
    ({ code, message }) =>
      code === 'ERR_SSL_WRONG_VERSION_NUMBER' ||
      code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG' ||
      (code === 'ECONNRESET' && message.includes('before secure TLS connection')),
  );
  if (plain !== undefined) {
    const error = new ConnectorError('KAFKA_TLS', {
      message: `the Kafka broker at ${where} does not speak TLS`,
      detail: `${at.endpoint.label} was to be read over TLS: ${opensslText(plain.message)}`,
      hint:
        "set 'properties.security.protocol' to " +
        `'${at.settings.sasl === null ? 'PLAINTEXT' : 'SASL_PLAINTEXT'}', or name its TLS port`,
      cause,
    });
    return suspected(error, `${where}: no TLS`);
  }
  const alert = evidence.find(({ code }) => code.startsWith('ERR_SSL_'));
  if (alert !== undefined) {
    return final(
      new ConnectorError('KAFKA_TLS', {
        message: `the Kafka broker at ${where} refuses the TLS connection of ${at.endpoint.label}`,
        detail: opensslText(alert.message),
        hint: alert.code.includes('CERTIFICATE')
          ? CLIENT_CERTIFICATE_HINT
          : "check the 'properties.ssl.…' of the table against the broker's",
        cause,
      }),
    );
  }
  const certificate = evidence.find(({ code }) => isCertificateCode(code));
  if (certificate === undefined) return null;
  const foreign = certificate.code === 'ERR_TLS_CERT_ALTNAME_INVALID';
  return final(
    new ConnectorError('KAFKA_TLS', {
      message: `the certificate of the Kafka broker at ${where} is ${
        foreign ? 'for another host' : 'not trusted'
      }`,
      detail: `${certificate.message} (${certificate.code})`,
      hint: CERTIFICATE_HINTS[certificate.code] ?? CA_HINT,
      cause,
    }),
  );
}

/** Without the numbers in front, and the place in OpenSSL's sources behind. */
function opensslText(message: string): string {
  return message
    .replace(/^[0-9A-F]+:error:[0-9A-F]+:/, '')
    .replace(/:[\w./\\-]+\.c:\d+:.*$/s, '')
    .trim();
}

/** OpenSSL's names of what is wrong with a certificate, and Node's for its names. */
function isCertificateCode(code: string): boolean {
  return /CERT|^UNABLE_TO_|SIGNATURE|^INVALID_(CA|PURPOSE)$|CRL|^HOSTNAME_MISMATCH$/.test(code);
}

function evidenceOf(error: unknown): readonly Evidence[] {
  const found: Evidence[] = [];
  const open: unknown[] = [error];
  // Errors may name each other: a bound on how many are looked at.
  while (open.length > 0 && found.length < 20) {
    const next = open.shift();
    if (typeof next !== 'object' || next === null) continue;
    // Checked boundary: whatever was thrown; each field is looked at before it is used.
    const fields = next as Readonly<Record<string, unknown>>;
    found.push({
      message: textOf(fields['message']),
      code: textOf(fields['code']),
      apiId: textOf(fields['apiId']),
      brokerText: textOf(fields['serverErrorMessage']),
      mechanisms: mechanismsOf(fields['response']),
    });
    open.push(fields['cause']);
    if (Array.isArray(fields['errors'])) open.push(...(fields['errors'] as unknown[]));
  }
  return found;
}

function reasonOf(evidence: readonly Evidence[]): string {
  if (evidence.some(({ message }) => /timed out|^no answer in time/.test(message))) {
    return 'no answer in time';
  }
  const known = evidence.find(({ code }) => REASONS[code] !== undefined);
  if (known !== undefined) return REASONS[known.code] ?? known.code;
  const deepest = evidence.findLast(({ message }) => message !== '');
  const text = deepest?.message.replace(/\.$/, '') ?? 'unknown reason';
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function mechanismsOf(response: unknown): readonly string[] {
  if (typeof response !== 'object' || response === null) return [];
  const { mechanisms } = response as { readonly mechanisms?: unknown };
  return Array.isArray(mechanisms) ? mechanisms.map(String) : [];
}

function final(error: ConnectorError): ConnectionFailure {
  return { error, kind: 'final', reason: error.message, advertised: false };
}

function suspected(error: ConnectorError, reason: string): ConnectionFailure {
  return { error, kind: 'suspected', reason, advertised: false };
}

function nameOf({ host, port }: BrokerAddress): string {
  return `${host}:${port}`;
}

function oneOf(values: readonly string[]): string {
  return values.map((value) => `'${value}'`).join(' or ');
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
