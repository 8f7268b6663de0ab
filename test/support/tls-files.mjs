/**
 * Keys and certificates for a broker on this machine, made with openssl: an authority, a server
 * certificate for "localhost", a client certificate, and an authority that signed neither. They
 * are valid for two days, and written into a folder of the caller's. Types are in tls-files.d.mts.
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export async function writeTlsFiles(folder) {
  const [authority, otherAuthority] = await Promise.all([
    makeAuthority(folder, 'authority'),
    makeAuthority(folder, 'other-authority'),
  ]);
  const [server, client] = await Promise.all([
    makeCertificate(folder, authority, 'server', 'subjectAltName=DNS:localhost'),
    makeCertificate(folder, authority, 'client', 'extendedKeyUsage=clientAuth'),
  ]);
  // A PEM key store of Java's is one file: the key, then the certificate.
  const serverKeyStore = join(folder, 'server-store.pem');
  const parts = [server.key, server.certificate].map((file) => readFileSync(file, 'utf8'));
  writeFileSync(serverKeyStore, parts.join(''));
  return {
    authority: authority.certificate,
    otherAuthority: otherAuthority.certificate,
    serverKeyStore,
    clientCertificate: client.certificate,
    clientKey: client.key,
  };
}

async function makeAuthority(folder, name) {
  const files = filesOf(folder, name);
  await openssl([
    ...['req', '-x509', ...NEW_KEY, '-days', '2', '-subj', `/CN=velo test ${name}`],
    ...['-keyout', files.key, '-out', files.certificate],
  ]);
  return files;
}

async function makeCertificate(folder, authority, name, extension) {
  const files = filesOf(folder, name);
  const request = join(folder, `${name}.csr`);
  const extensions = join(folder, `${name}.ext`);
  writeFileSync(extensions, `${extension}\n`);
  await openssl([
    ...['req', '-new', ...NEW_KEY, '-subj', `/CN=velo test ${name}`],
    ...['-keyout', files.key, '-out', request],
  ]);
  await openssl([
    ...['x509', '-req', '-in', request, '-days', '2', '-extfile', extensions],
    ...['-CA', authority.certificate, '-CAkey', authority.key, '-CAcreateserial'],
    // Two certificates of one authority are made at once: each has its own serial file.
    ...['-CAserial', join(folder, `${name}.srl`), '-out', files.certificate],
  ]);
  return files;
}

function filesOf(folder, name) {
  return { key: join(folder, `${name}.key`), certificate: join(folder, `${name}.crt`) };
}

async function openssl(args) {
  await run('openssl', args);
}
