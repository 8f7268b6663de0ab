/**
 * The client's side of a SCRAM login (RFC 5802): what it sends, and what it believes. Owns the
 * messages and their checks: a server that does not know the password cannot end a login, and one
 * that sends nonsense gets an error, not an exception in a socket. Sending them is broker-login.ts.
 *
 *   client first   n,,n=user,r=nonce
 *   server first   r=nonce and more,s=salt,i=iterations
 *   client final   c=biws,r=nonce and more,p=proof
 *   server final   v=signature  or  e=error
 *
 * @platformatic/kafka has this too, but throws where a field is missing, and takes any number of
 * iterations: two thousand million of them keep a thread for an hour.
 */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

export interface ScramUser {
  readonly mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly username: string;
  readonly password: string;
}

/** A login that the server refuses, or answers in a way that no server would that knows SCRAM. */
export class ScramFault extends Error {
  override readonly name = 'ScramFault';
  readonly code: typeof SCRAM_REFUSED | typeof SCRAM_BROKEN;

  constructor(code: ScramFault['code'], message: string) {
    super(message);
    this.code = code;
  }
}

export const SCRAM_REFUSED = 'SCRAM_REFUSED';
export const SCRAM_BROKEN = 'SCRAM_BROKEN';

/** What RFC 7677 asks for at least, and a second's work at most; Kafka's limit is 16,384. */
const ITERATIONS_MIN = 4_096;
const ITERATIONS_MAX = 1_000_000;
const NONCE_BYTES = 18;
/** No channel binding. */
const GS2_HEADER = 'n,,';

const derive = promisify(pbkdf2);

/** One login; its messages in their order. Every method throws ScramFault. */
export class ScramLogin {
  private readonly user: ScramUser;
  private readonly hash: 'sha256' | 'sha512';
  private readonly nonce: string;
  private readonly bare: string;
  private signature: Buffer = Buffer.alloc(0);

  constructor(user: ScramUser, nonce = randomBytes(NONCE_BYTES).toString('base64url')) {
    this.user = user;
    this.hash = user.mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512';
    this.nonce = nonce;
    this.bare = `n=${saslName(user.username)},r=${nonce}`;
  }

  first(): string {
    return GS2_HEADER + this.bare;
  }

  async final(serverFirst: string): Promise<string> {
    const fields = fieldsOf(serverFirst);
    const nonce = this.require(fields, 'r', 'nonce');
    const salt = Buffer.from(this.require(fields, 's', 'salt'), 'base64');
    const count = this.require(fields, 'i', 'number of iterations');
    const iterations = /^\d{1,10}$/.test(count) ? Number(count) : Number.NaN;
    if (!nonce.startsWith(this.nonce) || nonce === this.nonce) {
      throw broken('its nonce does not continue the one that it was sent');
    }
    if (salt.length === 0) throw broken('its salt is none');
    if (!(iterations >= ITERATIONS_MIN && iterations <= ITERATIONS_MAX)) {
      throw broken(
        `it asks for "${count.slice(0, 20)}" iterations, not ${ITERATIONS_MIN} to ${ITERATIONS_MAX}`,
      );
    }
    const bytes = this.hash === 'sha256' ? 32 : 64;
    const salted = await derive(this.user.password, salt, iterations, bytes, this.hash);
    const withoutProof = `c=${Buffer.from(GS2_HEADER).toString('base64')},r=${nonce}`;
    const signed = `${this.bare},${serverFirst},${withoutProof}`;
    const clientKey = this.hmac(salted, 'Client Key');
    const proof = this.hmac(createHash(this.hash).update(clientKey).digest(), signed);
    for (const [at, byte] of clientKey.entries()) proof[at] = (proof[at] ?? 0) ^ byte;
    this.signature = this.hmac(this.hmac(salted, 'Server Key'), signed);
    return `${withoutProof},p=${proof.toString('base64')}`;
  }

  /** Returns when the server has proved that it knows the password. */
  verify(serverFinal: string): void {
    const fields = fieldsOf(serverFinal);
    const error = fields.get('e');
    if (error !== undefined) throw new ScramFault(SCRAM_REFUSED, error);
    const given = Buffer.from(this.require(fields, 'v', 'signature'), 'base64');
    const { signature } = this;
    if (given.length === signature.length && timingSafeEqual(given, signature)) return;
    throw broken('its signature is not that of a server that knows the password');
  }

  private hmac(key: Buffer, text: string): Buffer {
    return createHmac(this.hash, key).update(text).digest();
  }

  private require(fields: ReadonlyMap<string, string>, name: string, what: string): string {
    const value = fields.get(name);
    if (value === undefined) throw broken(`its answer has no ${what}`);
    return value;
  }
}

function broken(message: string): ScramFault {
  return new ScramFault(SCRAM_BROKEN, message);
}

/** `a=…,b=…`; what is none of these is left out. */
function fieldsOf(message: string): ReadonlyMap<string, string> {
  const pairs = message.split(',').filter((part) => part.charAt(1) === '=');
  return new Map(pairs.map((part) => [part.charAt(0), part.slice(2)]));
}

function saslName(name: string): string {
  return name.replaceAll('=', '=3D').replaceAll(',', '=2C');
}
