/**
 * kafka://host:port[,host:port]/topic[,topic…][?option=value&…]: the parameters are WITH options. A
 * path with a star is a pattern, as in names of files; ?topic-pattern=… is a regular expression. Owns
 * the form, and what a topic that is named so is read with unless it says otherwise.
 */
import type { AddressOptions } from '../connector.js';

const ADDRESS = /^kafka:\/\/([^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/s;

/** null: it is no such address. Whoever wrote kafka:// without a topic learns that it lacks one. */
export function topicAddress(address: string): AddressOptions | null {
  if (!address.startsWith('kafka://')) return null;
  const match = ADDRESS.exec(address);
  const rest = address.slice('kafka://'.length);
  const parameters = [...new URLSearchParams(match?.[3] ?? '')];
  return {
    options: {
      ...topicOption(match?.[2] ?? ''),
      'properties.bootstrap.servers': match?.[1] ?? rest.split(/[/?]/)[0] ?? '',
      'scan.startup.mode': 'earliest-offset',
      format: 'json',
      ...Object.fromEntries(parameters),
    },
    parameters: parameters.map(([name]) => name),
  };
}

/** Names of topics have neither commas nor stars. */
function topicOption(path: string): Readonly<Record<string, string>> {
  if (path === '') return {};
  if (!path.includes('*')) return { topic: path.replaceAll(',', ';') };
  const patterns = path.split(',').map((name) =>
    name
      .split('*')
      .map((part) => part.replaceAll(/[\\^$.+()[\]{}|]/g, '\\$&'))
      .join('.*'),
  );
  return { 'topic-pattern': patterns.join('|') };
}
