/**
 * `velo --version`: what is installed. The first line is `velo X.Y.Z` and nothing else, for scripts;
 * the rest says of which build, on which Node and with which features, and --json all of it as one
 * document. Owns the text; the facts are installation/features.ts.
 */
import { ConfigError } from '../base/errors.js';
import { features } from './installation/features.js';
import type { Codecs, Features } from './installation/features.js';

/** `args` is what follows the flag. Throws ConfigError FLAG_INVALID. */
export function versionText(args: readonly string[]): string {
  const other = args.find((arg) => arg !== '--json');
  if (other !== undefined) {
    throw new ConfigError('FLAG_INVALID', {
      message: `"${other}" says nothing to --version`,
      hint: 'write velo --version, or velo --version --json',
    });
  }
  const found = features();
  return args.length === 0 ? plainText(found) : `${JSON.stringify(documentOf(found), null, 2)}\n`;
}

function documentOf({ librdkafka, build, ...rest }: Features): unknown {
  const { version } = librdkafka;
  const built = version === null ? [] : librdkafka.features;
  return { schema: 1, ...rest, ...build, librdkafka: { version, features: built } };
}

function plainText({
  version,
  build,
  node,
  platform,
  librdkafka,
  files,
  topics,
}: Features): string {
  const commit = build.commit === null ? 'unknown' : build.commit;
  const { absence } = librdkafka;
  return [
    `velo ${version}`,
    `build       ${commit}${build.dirty ? ' with changes' : ''}`,
    `node        ${node} ${platform}`,
    `librdkafka  ${absence === null ? librdkafka.version : `none (${absence.kind}; velo doctor says more)`}`,
    `files       ${codecsText(files)}`,
    `topics      ${codecsText(topics)}`,
    '',
  ].join('\n');
}

/** Those that are read and written, then those that are only read. */
function codecsText({ read, written }: Codecs): string {
  const readOnly = read.filter((name) => !written.includes(name));
  const suffix = readOnly.length === 0 ? '' : `; ${readOnly.join(', ')} read only`;
  return `${written.join(', ')}${suffix}`;
}
