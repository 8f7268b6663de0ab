/**
 * kafka://host:port[,host:port]/topic[?option=value&…]: the parameters are WITH options. Owns the
 * form, and what a topic that is named so is read with unless it says otherwise.
 */
import type { AddressOptions } from '../connector.js';

const ADDRESS = /^kafka:\/\/([^/]+)\/([^?]+)(?:\?(.*))?$/s;

/** null: it is no such address. Whoever wrote kafka:// without a topic learns that it lacks one. */
export function topicAddress(address: string): AddressOptions | null {
  if (!address.startsWith('kafka://')) return null;
  const match = ADDRESS.exec(address);
  const rest = address.slice('kafka://'.length);
  const parameters = [...new URLSearchParams(match?.[3] ?? '')];
  return {
    options: {
      ...(match === null ? {} : { topic: match[2] as string }),
      'properties.bootstrap.servers': match?.[1] ?? rest.split(/[/?]/)[0] ?? '',
      'scan.startup.mode': 'earliest-offset',
      format: 'json',
      ...Object.fromEntries(parameters),
    },
    parameters: parameters.map(([name]) => name),
  };
}
