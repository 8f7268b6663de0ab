/**
 * Finds case files and reads them. Owns which files are cases: those whose name ends in `.case`,
 * below the folders that the user names, and every file that is named itself.
 */
import { isUtf8 } from 'node:buffer';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../../base/errors.js';
import { CaseFaults, parseCase } from './case-file.js';
import type { SqlCase } from './case-file.js';

const ENDING = '.case';

/** Each file once, sorted within each folder. Throws ConfigError where there is none. */
export async function findCases(paths: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const path of paths) {
    const files = await casesBelow(path);
    if (files.length === 0) {
      throw new ConfigError('FLAG_INVALID', {
        message: `"${path}" holds no case file`,
        hint: 'the names of case files end in .case',
      });
    }
    for (const file of files) found.add(file);
  }
  return [...found];
}

async function casesBelow(path: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && entry.name.endsWith(ENDING))
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((file) => !/(^|[\\/])node_modules[\\/]/.test(file))
      .sort();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigError('FLAG_INVALID', {
      message: `"${path}" cannot be read (${code ?? 'unknown reason'})`,
      hint: code === 'ENOENT' ? 'name a folder of case files, or a case file' : undefined,
      cause: error,
    });
  }
}

/** Throws CaseFaults with every fault of the file. */
export async function readCase(file: string): Promise<SqlCase> {
  const bytes = await readFile(file).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    const message = `case file "${file}" cannot be read (${code ?? 'unknown reason'})`;
    throw new CaseFaults([new ConfigError('CASE_INVALID', { message, cause: error })]);
  });
  const source = { name: file, text: bytes.toString('utf8') };
  if (isUtf8(bytes)) return parseCase(source);
  const message = `"${file}" is no UTF-8`;
  throw new CaseFaults([new ConfigError('CASE_INVALID', { message, hint: 'save it as UTF-8' })]);
}
