/** Types of kafka-secure.mjs; the comments are there. */
import type { KafkaBrokerOptions } from './kafka-broker.mjs';
import type { TlsFiles } from './tls-files.mjs';

/** Options for startKafkaBroker, and the addresses they will be at. */
export interface SecureListeners extends KafkaBrokerOptions {
  readonly properties: Readonly<Record<string, string | number>>;
  /** TLS, and a user with a password. */
  readonly sasl: string;
  /** TLS, and a client certificate. */
  readonly certificates: string;
}

export function secureListeners(request: {
  readonly tls: TlsFiles;
  readonly user: string;
  readonly password: string;
}): Promise<SecureListeners>;
