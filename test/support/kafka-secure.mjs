/**
 * What makes a test broker a secured one: a listener with TLS and SASL (SCRAM-SHA-512,
 * SCRAM-SHA-256, PLAIN) and one with TLS and client certificates, beside the plain one. Owns the
 * options for kafka-broker.mjs; the certificates are tls-files.mjs. Types are in
 * kafka-secure.d.mts.
 */
import { freePorts } from './kafka-broker.mjs';

const SCRAM = ['SCRAM-SHA-512', 'SCRAM-SHA-256'];
const SECURITY = 'org.apache.kafka.common.security';

/** Options of a broker that lets `user` in; `tls` are paths of tls-files.mjs. */
export async function secureListeners({ tls, user, password }) {
  const [saslPort, certificatePort] = await freePorts(2);
  const sasl = (name) => `listener.name.sasl_ssl.${name}`;
  const properties = {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': tls.serverKeyStore,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': tls.authority,
    'listener.name.ssl.ssl.client.auth': 'required',
    'sasl.enabled.mechanisms': [...SCRAM, 'PLAIN'].join(','),
    [sasl('plain.sasl.jaas.config')]:
      `${SECURITY}.plain.PlainLoginModule required user_${user}="${password}";`,
  };
  for (const mechanism of SCRAM) {
    const name = sasl(`${mechanism.toLowerCase()}.sasl.jaas.config`);
    properties[name] = `${SECURITY}.scram.ScramLoginModule required;`;
  }
  const credentials = `[name="${user}",password="${password}"]`;
  return {
    properties,
    listeners: [
      { protocol: 'SASL_SSL', port: saslPort },
      { protocol: 'SSL', port: certificatePort },
    ],
    formatArguments: SCRAM.flatMap((name) => ['--add-scram', `${name}=${credentials}`]),
    sasl: `localhost:${saslPort}`,
    certificates: `localhost:${certificatePort}`,
  };
}
