/** Types of tls-files.mjs; the comments are there. All are paths of PEM files. */
export interface TlsFiles {
  readonly authority: string;
  /** Signed nothing. */
  readonly otherAuthority: string;
  /** Key and certificate for localhost, in the form of Java's PEM key store. */
  readonly serverKeyStore: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
}

export function writeTlsFiles(folder: string): Promise<TlsFiles>;
