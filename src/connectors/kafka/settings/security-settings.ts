/**
 * TLS and SASL of connections to brokers, from a table's 'properties.*': librdkafka's names, and
 * those of Java's clients where they say the same (JAAS lines, PEM stores). Owns which mechanisms
 * and which kinds of files there are; passwords and tokens go into the connection's options and
 * into no message. What connections do with them is broker-connection.ts.
 */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { ConnectionOptions, SecureContextOptions } from 'node:tls';
import { fileURLToPath } from 'node:url';
import type { SASLOptions } from '@platformatic/kafka';
import { ConfigError } from '../../../base/errors.js';
import type { ConnectionProperties, GivenProperty } from './connection-properties.js';

export interface SaslLogin {
  readonly options: SASLOptions;
  /** Who logs in, as messages say it: `user "alice"`, `the token`. */
  readonly who: string;
  /** Where the password or token comes from, for hints. */
  readonly from: string;
}

const PASSWORD_MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
const MECHANISMS = [...PASSWORD_MECHANISMS, 'OAUTHBEARER', 'GSSAPI', 'AWS_MSK_IAM'] as const;
type Mechanism = (typeof MECHANISMS)[number];

const JAAS = 'sasl.jaas.config';
const JAAS_SHAPE =
  `write 'org.apache.kafka.common.security.scram.ScramLoginModule required ` +
  `username="…" password="…";', or set 'properties.sasl.username' and 'properties.sasl.password'`;
/** Other ways to get a token, which only librdkafka knows. */
const TOKEN_MAKERS = ['sasl.oauthbearer.config', 'sasl.oauthbearer.method'];

const IDENTIFICATION = 'ssl.endpoint.identification.algorithm';
const TLS_PROPERTIES = [
  'enable.ssl.certificate.verification',
  IDENTIFICATION,
  'ssl.ca.location',
  'ssl.ca.pem',
  'ssl.certificate.location',
  'ssl.certificate.pem',
  'ssl.cipher.suites',
  'ssl.curves.list',
  'ssl.key.location',
  'ssl.key.password',
  'ssl.key.pem',
  'ssl.keystore.certificate.chain',
  'ssl.keystore.key',
  'ssl.keystore.location',
  'ssl.keystore.password',
  'ssl.keystore.type',
  'ssl.sigalgs.list',
  'ssl.truststore.certificates',
  'ssl.truststore.location',
  'ssl.truststore.password',
  'ssl.truststore.type',
] as const;

export interface SaslSettings {
  readonly login: SaslLogin | null;
  readonly unusable: string | null;
}

/** Properties of SASL are read, and checked, only where the protocol has it. */
export function saslSettings(properties: ConnectionProperties, used: boolean): SaslSettings {
  const mechanism = properties.choice<Mechanism>(
    properties.given('sasl.mechanism') === null ? 'sasl.mechanisms' : 'sasl.mechanism',
    MECHANISMS,
  );
  const jaas = jaasOptions(properties);
  const source = new Credentials(properties, jaas);
  if (!used) return { login: null, unusable: null };
  switch (mechanism) {
    case 'PLAIN':
    case 'SCRAM-SHA-256':
    case 'SCRAM-SHA-512':
      return { login: source.password(mechanism), unusable: null };
    case 'OAUTHBEARER':
      return source.token();
    default:
      // Both librdkafka and Java log in with Kerberos unless another mechanism is named.
      return { login: null, unusable: `it has no SASL mechanism ${mechanism ?? 'GSSAPI'}` };
  }
}

class Credentials {
  private readonly properties: ConnectionProperties;
  private readonly jaas: ReadonlyMap<string, string> | null;
  private readonly given: Readonly<Record<'user' | 'password', GivenProperty | null>>;
  private readonly tokenText: GivenProperty | null;
  private readonly tokenFile: GivenProperty | null;
  private readonly tokenUrl: GivenProperty | null;
  private readonly extensions: GivenProperty | null;
  private readonly maker: GivenProperty | null;

  constructor(properties: ConnectionProperties, jaas: ReadonlyMap<string, string> | null) {
    this.properties = properties;
    this.jaas = jaas;
    this.given = {
      user: properties.given('sasl.username'),
      password: properties.given('sasl.password'),
    };
    this.tokenText = properties.given('sasl.oauthbearer.token');
    this.tokenFile = properties.given('sasl.oauthbearer.token.file');
    this.tokenUrl = properties.given('sasl.oauthbearer.token.endpoint.url');
    this.extensions = properties.given('sasl.oauthbearer.extensions');
    this.maker = properties.given(...TOKEN_MAKERS);
  }

  password(mechanism: (typeof PASSWORD_MECHANISMS)[number]): SaslLogin {
    const { properties, jaas, given } = this;
    const username =
      jaas?.get('username') ?? properties.required(given.user, 'sasl.username', mechanism);
    const password =
      jaas?.get('password') ?? properties.required(given.password, 'sasl.password', mechanism);
    return {
      options: { mechanism, username, password },
      who: `user "${username}"`,
      from:
        jaas === null
          ? "'properties.sasl.username' and 'properties.sasl.password'"
          : `'properties.${JAAS}'`,
    };
  }

  token(): SaslSettings {
    const { properties, tokenText, tokenFile, tokenUrl } = this;
    if (tokenText !== null) return this.bearer(tokenText, () => tokenText.value);
    if (tokenFile !== null) return this.bearer(tokenFile, fileToken(properties, tokenFile));
    if (tokenUrl?.value.startsWith('file:') === true) {
      const value = fileURLToPath(tokenUrl.value);
      return this.bearer(tokenUrl, fileToken(properties, { name: tokenUrl.name, value }));
    }
    if (tokenUrl !== null || this.maker !== null) {
      const unusable = 'it takes OAUTHBEARER tokens from a property or a file only';
      return { login: null, unusable };
    }
    properties.required(null, 'sasl.oauthbearer.token', 'OAUTHBEARER');
    return { login: null, unusable: null };
  }

  private bearer({ name }: GivenProperty, token: () => string): SaslSettings {
    const extensions = this.extensions === null ? {} : pairsOf(this.extensions.value);
    const options: SASLOptions = {
      mechanism: 'OAUTHBEARER',
      token,
      oauthBearerExtensions: extensions,
    };
    return { login: { options, who: 'the token', from: `'properties.${name}'` }, unusable: null };
  }
}

/** Read again for every connection: whoever renews tokens writes a new one there. */
function fileToken(properties: ConnectionProperties, property: GivenProperty): () => string {
  properties.file(property);
  return () => readFileSync(property.value, 'utf8').trim();
}

/** 'a=1,b=2' */
function pairsOf(text: string): Record<string, string> {
  const pairs = text.split(',').map((part) => part.split('='));
  return Object.fromEntries(
    pairs.map(([name = '', ...rest]) => [name.trim(), rest.join('=').trim()]),
  );
}

/** Options of a JAAS line: `Module required name="value" …;`. null: there is no line. */
export function jaasOptions(properties: ConnectionProperties): ReadonlyMap<string, string> | null {
  const text = properties.text(JAAS);
  if (text === null) return null;
  // Each part by itself, so that no text takes more than one look at each character.
  const whole = text.trim().replace(/;$/, '');
  const line = /^([\w.$]+)\s+(?:required|requisite|sufficient|optional)\b/i.exec(whole);
  const module = line?.[1] ?? '';
  const rest = whole.slice(line?.[0].length ?? 0).trimEnd();
  const options = new Map<string, string>();
  const pattern = /\s*([\w.]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s;"']+))/gy;
  let end = 0;
  for (const [pair, name = '', double, single, bare] of rest.matchAll(pattern)) {
    options.set(name, bare ?? (double ?? single ?? '').replace(/\\(.)/g, '$1'));
    end += pair.length;
  }
  const isWhole = line !== null && rest.slice(end).trim() === '';
  if (isWhole && /\.(Plain|Scram|OAuthBearer)LoginModule$|Krb5LoginModule$/.test(module)) {
    return options;
  }
  throw properties.unreadable(JAAS, JAAS_SHAPE);
}

/**
 * Options of TLS connections, null where there are none: files are read now, and what they hold is
 * checked.
 */
export function tlsSettings(
  properties: ConnectionProperties,
  used: boolean,
): ConnectionOptions | null {
  properties.given(...TLS_PROPERTIES);
  if (!used) return null;
  const verified = properties.flag('enable.ssl.certificate.verification', true);
  const identification = properties.choice(IDENTIFICATION, ['https', 'none']) ?? 'https';
  const anyHost = identification === 'none' || properties.isEmpty(IDENTIFICATION);
  return {
    secureContext: secureContext(properties, secureContextOptions(properties)),
    rejectUnauthorized: verified,
    ...(anyHost ? { checkServerIdentity: () => undefined } : {}),
  };
}

function secureContextOptions(properties: ConnectionProperties): SecureContextOptions {
  const ca = pemOf(properties, {
    texts: ['ssl.ca.pem', 'ssl.truststore.certificates'],
    files: ['ssl.ca.location', 'ssl.truststore.location'],
  });
  const chain = { texts: ['ssl.certificate.pem', 'ssl.keystore.certificate.chain'] };
  const cert = pemOf(properties, { ...chain, files: ['ssl.certificate.location'] });
  const secret = { texts: ['ssl.key.pem', 'ssl.keystore.key'], files: ['ssl.key.location'] };
  const key = pemOf(properties, secret);
  const store = keyStore(properties);
  const passphrase = properties.text('ssl.key.password', 'ssl.keystore.password');
  const ciphers = properties.text('ssl.cipher.suites');
  const curves = properties.text('ssl.curves.list');
  const signatures = properties.text('ssl.sigalgs.list');
  return {
    ...(ca === null ? {} : { ca }),
    ...(cert === null ? {} : { cert }),
    ...(key === null ? {} : { key }),
    ...store,
    ...(passphrase === null ? {} : { passphrase }),
    ...(ciphers === null ? {} : { ciphers }),
    ...(curves === null ? {} : { ecdhCurve: curves }),
    ...(signatures === null ? {} : { sigalgs: signatures }),
  };
}

function pemOf(
  properties: ConnectionProperties,
  names: { readonly texts: readonly string[]; readonly files: readonly string[] },
): string | null {
  const text = properties.text(...names.texts);
  const file = properties.given(...names.files);
  if (text !== null) return text.replaceAll('\\n', '\n');
  return file === null ? null : properties.pem(file);
}

/** A key store is PKCS#12 (librdkafka's, and Java's since 9) or PEM with both chain and key. */
function keyStore(properties: ConnectionProperties): SecureContextOptions {
  const store = properties.given('ssl.keystore.location');
  if (store === null) return {};
  const bytes = properties.file(store);
  if (!bytes.includes('-----BEGIN ')) return { pfx: bytes };
  const pem = bytes.toString('latin1');
  return { cert: pem, key: pem };
}

function secureContext(
  { label }: ConnectionProperties,
  options: SecureContextOptions,
): ReturnType<typeof createSecureContext> {
  try {
    return createSecureContext(options);
  } catch (cause) {
    throw new ConfigError('SETTING_INVALID', {
      message: `the options "properties.ssl.…" of ${label} cannot be used`,
      detail: cause instanceof Error ? cause.message : String(cause),
      hint: 'check that certificate and key belong together, and the password of the key',
      cause,
    });
  }
}
