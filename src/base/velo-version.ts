/** Which velo this is: the version that the package says. */
import { readFileSync } from 'node:fs';

let version: string | null = null;

export function veloVersion(): string {
  version ??= readVersion();
  return version;
}

function readVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
