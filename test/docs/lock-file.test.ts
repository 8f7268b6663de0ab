/**
 * The lock file is what `npm ci` installs from on every machine: entries of all platforms, no
 * addresses of a registry, and no package that declares itself unfit for the oldest Node (decision
 * 0021 says why two of them do).
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface LockedPackage {
  readonly resolved?: string;
  readonly engines?: { readonly node?: string };
  readonly optional?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
const lock = JSON.parse(readFileSync(`${ROOT}package-lock.json`, 'utf8')) as {
  readonly packages: Readonly<Record<string, LockedPackage>>;
};
const packages = Object.entries(lock.packages);
const OLDEST = 20;

/** Whether a range of alternatives admits Node 20: `^20.19.0 || >=22.12.0`, `>= 18`. */
function admitsOldest(range: string): boolean {
  return range.split('||').some((alternative) => {
    const [, sign = '', major = ''] = /(\^|>=|~|<|>)?\s*v?(\d+|\*)/.exec(alternative) ?? [];
    if (major === '*' || major === '') return true;
    return sign === '>=' || sign === '>' ? Number(major) <= OLDEST : Number(major) === OLDEST;
  });
}

describe('package-lock.json', () => {
  it('names no registry', () => {
    expect(packages.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
  });

  it('holds the optional packages of every platform', () => {
    const missing = packages.flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) =>
          lock.packages[`${path === '' ? '' : `${path}/`}node_modules/${name}`] === undefined &&
          lock.packages[`node_modules/${name}`] === undefined,
      ),
    );
    expect(missing).toEqual([]);
  });

  it('warns of no engine on Node 20, 22 and 24', () => {
    const unfit = packages
      .filter(([, { optional, engines }]) => optional !== true && engines?.node !== undefined)
      .filter(([, { engines }]) => !admitsOldest(engines?.node ?? '*'));
    expect(unfit.map(([path]) => path)).toEqual([]);
  });
});
