/** Which velo this is, and on what it runs: what its package.json says. */
import { readFileSync } from 'node:fs';
import { PACKAGE_ROOT } from './program-files.js';

export interface PackageManifest {
  readonly version: string;
  /** Ranges, as package.json writes them: `>=20.19.4`. */
  readonly engines: { readonly node: string };
}

let read: PackageManifest | null = null;

export function packageManifest(): PackageManifest {
  // Checked boundary: our own package.json.
  read ??= JSON.parse(
    readFileSync(new URL('package.json', PACKAGE_ROOT), 'utf8'),
  ) as PackageManifest;
  return read;
}
