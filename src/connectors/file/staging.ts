/**
 * Files under way: rows that are not yet to be seen lie beside their target under a name that nobody
 * can guess, readable by their owner alone. Owns creating them, taking the target's place, and
 * clearing away: when the process ends, and what processes that died have left behind.
 *
 *   out.jsonl.<pid>-<machine><random>.part        machine: where that pid means something
 */
import { createHash, randomBytes } from 'node:crypto';
import { constants, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { access, open, rename } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { reasonOf } from './file-bytes.js';
import { writeFailure } from './write-failure.js';

/** A file name has 255 bytes on most systems. */
const BASE_CHARACTERS_MAX = 60;
const COPY_BYTES = 1024 * 1024;
/** A folder where nothing can be created, though the target can be written. */
const NO_ROOM_BESIDE: readonly unknown[] = ['EACCES', 'EPERM', 'EROFS'];

export interface StagedFile {
  readonly path: string;
  readonly file: FileHandle;
}

/** Whether a file of this name holds rows that are not yet to be seen. */
export function isStagedName(path: string): boolean {
  return /\.\d+-[0-9a-f]{24}\.part$/.test(path);
}

/** Of this process, to be removed when it ends. */
const underWay = new Set<string>();
let watchesExit = false;

/** Creates a file for rows that will take the place of `target`, which has `stats` if it exists. */
export async function createStaged(target: string, stats: Stats | null): Promise<StagedFile> {
  removeLeftOver(target);
  if (!watchesExit) process.on('exit', removeStagedFiles);
  watchesExit = true;
  try {
    return await createIn(dirname(target), target);
  } catch (error) {
    if (stats === null || !NO_ROOM_BESIDE.includes(codeOf(error))) throw error;
    await access(target, constants.W_OK);
    return createIn(tmpdir(), target);
  }
}

async function createIn(folder: string, target: string): Promise<StagedFile> {
  const random = randomBytes(8).toString('hex');
  const path = join(folder, `${stagedBase(target)}.${process.pid}-${machine()}${random}.part`);
  // 'wx' follows no link that somebody has laid there.
  const file = await open(path, 'wx', 0o600);
  underWay.add(path);
  return { path, file };
}

/**
 * Puts the staged file, whose rows are on disk, into the target's place with the target's mode and
 * owner. Where no file can take that place (a mount, another disk) its bytes are copied into the
 * target; that is said. Resolves to the file that is the target then.
 */
export async function publish(
  staged: StagedFile,
  target: { readonly path: string; readonly stats: Stats | null; readonly name: string },
  notice: (line: string) => void,
): Promise<FileHandle> {
  const { stats } = target;
  // Somebody else's file stays theirs where that is allowed.
  if (stats !== null) await staged.file.chown(stats.uid, stats.gid).catch(() => undefined);
  await staged.file.chmod(stats === null ? 0o666 & ~process.umask() : stats.mode & 0o7777);
  try {
    await rename(staged.path, target.path);
    underWay.delete(staged.path);
    return staged.file;
  } catch (error) {
    if (stats === null || !stats.isFile()) throw error;
    notice(`file "${target.name}" is written in place: it cannot be replaced (${reasonOf(error)})`);
    return await copyInto(staged, target);
  }
}

async function copyInto(
  staged: StagedFile,
  target: { readonly path: string; readonly name: string },
): Promise<FileHandle> {
  let from: FileHandle | null = null;
  let file: FileHandle | null = null;
  try {
    from = await open(staged.path, 'r');
    file = await open(target.path, 'w');
    const buffer = Buffer.alloc(COPY_BYTES);
    for (let at = 0; ;) {
      const { bytesRead } = await from.read(buffer, 0, COPY_BYTES, at);
      if (bytesRead === 0) break;
      for (let put = 0; put < bytesRead;) {
        put += (await file.write(buffer, put, bytesRead - put)).bytesWritten;
      }
      at += bytesRead;
    }
    await file.datasync();
    await staged.file.close();
    removeStaged(staged.path);
    return file;
  } catch (error) {
    await file?.close();
    underWay.delete(staged.path);
    throw writeFailure(target.name, error, `its rows are complete in "${staged.path}"`);
  } finally {
    await from?.close();
  }
}

export function removeStaged(path: string): void {
  underWay.delete(path);
  rmSync(path, { force: true });
}

/** For a process that ends in the middle of it. */
export function removeStagedFiles(): void {
  for (const path of underWay) removeStaged(path);
}

/** Removes what processes of this machine have left beside the target that are no more. */
function removeLeftOver(target: string): void {
  const folder = dirname(target);
  const front = `${stagedBase(target)}.`;
  const pattern = new RegExp(`^(\\d+)-${machine()}[0-9a-f]{16}\\.part$`);
  try {
    for (const name of readdirSync(folder)) {
      const pid = name.startsWith(front) ? pattern.exec(name.slice(front.length))?.[1] : undefined;
      if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(folder, name), { force: true });
    }
  } catch {
    // A folder that cannot be listed or written keeps what it has.
  }
}

function stagedBase(target: string): string {
  return basename(target).slice(0, BASE_CHARACTERS_MAX);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

let machineName: string | null = null;

/** Eight digits for the set of processes among which a pid is one process: host, start, container. */
function machine(): string {
  machineName ??= createHash('sha256')
    .update([hostname(), textOf(bootId), textOf(pidNamespace)].join(' '))
    .digest('hex')
    .slice(0, 8);
  return machineName;
}

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
const pidNamespace = (): string => readlinkSync('/proc/self/ns/pid');

function textOf(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
