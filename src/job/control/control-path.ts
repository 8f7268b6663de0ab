/**
 * Where the socket of a job is: in its checkpoint folder. Owns the way there for a system call that
 * takes no more than some hundred bytes: below Linux a folder that is open has a short name of its
 * own, however long its path is.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

export const SOCKET = 'control';
/** Of sun_path without its last zero, on the systems that allow least. */
const PATH_BYTES_MAX = 103;

export interface ControlPath {
  /** Names the socket until close(). */
  readonly path: string;
  close(): Promise<void>;
}

/** null: the path is too long here. Rejects where the folder cannot be opened. */
export async function controlPath(
  dir: string,
  platform: NodeJS.Platform = process.platform,
): Promise<ControlPath | null> {
  const path = join(dir, SOCKET);
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX) return { path, close: () => Promise.resolve() };
  if (platform !== 'linux') return null;
  const folder: FileHandle = await open(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${folder.fd}/${SOCKET}`, close: () => folder.close() };
}
