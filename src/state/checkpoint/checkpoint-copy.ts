/**
 * One checkpoint put into another folder, byte for byte and under its number: for who has to know it
 * again by the sum of its manifest. Owns the order of what reaches the disk, which is that of a new
 * one (checkpoint-store.ts); the folder that is copied to is its owner's, and has no such epoch.
 */
import { join } from 'node:path';
import { systemFiles } from './checkpoint-files.js';
import type { CheckpointFiles } from './checkpoint-files.js';
import { readFailure, writeFailure } from './checkpoint-failures.js';
import { CheckpointReader, MANIFEST, PARTIAL } from './checkpoint-reader.js';
import type { PublishedCheckpoint } from './checkpoint-manifest.js';

const PIECE_BYTES = 1024 * 1024;

/**
 * Of a checkpoint that nobody removes meanwhile. Rejects with StateError: CHECKPOINT_WRITE where
 * the disk does not take it, else as reading one does; nothing is left of it then.
 */
export async function copyCheckpoint(
  from: CheckpointReader,
  epoch: number,
  dir: string,
  files: CheckpointFiles = systemFiles,
): Promise<PublishedCheckpoint> {
  const manifest = await from.inspect(epoch);
  const folder = new CheckpointReader(dir, files).folderOf(epoch);
  const partial = `${folder}${PARTIAL}`;
  const states = manifest.queries.flatMap(({ operators }) =>
    operators.flatMap((operator) => operator.files.map(({ name }) => name)),
  );
  const tried = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw writeFailure(path, error);
    }
  };
  try {
    await tried(partial, () => files.makeFolder(partial));
    let bytesWritten = 0;
    for (const name of [...states, MANIFEST]) {
      const path = join(partial, name);
      bytesWritten += await tried(path, () =>
        copyFile(files, join(from.folderOf(epoch), name), path),
      );
    }
    await tried(partial, () => files.syncFolder(partial));
    await tried(folder, () => files.rename(partial, folder));
    await tried(dir, () => files.syncFolder(dir));
    return { epoch, folder, manifest, bytesWritten, bytesLinked: 0 };
  } catch (error) {
    await files.removeFolder(partial).catch(() => undefined);
    throw error;
  }
}

/** Synced; how many bytes it has. */
export async function copyFile(files: CheckpointFiles, from: string, to: string): Promise<number> {
  const source = await files.open(from).catch((error: unknown) => {
    throw readFailure(from, error);
  });
  try {
    const target = await files.create(to);
    try {
      const room = new Uint8Array(Math.min(PIECE_BYTES, Math.max(1, source.size)));
      for (let at = 0; at < source.size; at += room.length) {
        const read = await source.read(room.subarray(0, source.size - at), at);
        await target.write(room.subarray(0, read));
      }
      await target.sync();
      return source.size;
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}
