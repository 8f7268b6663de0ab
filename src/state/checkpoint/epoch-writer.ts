/**
 * The folder of one epoch before it is published: the files of each operator's state and the
 * manifest, written and synced. Owns which of them are written: what the checkpoint before has, and
 * what operators have in files of their own, gets another name and no other copy. When the folder is
 * a checkpoint, and what becomes of it, is checkpoint-store.ts.
 */
import { createHash, webcrypto } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { packageManifest } from '../../base/package-manifest.js';
import type { EntryFile } from '../snapshot.js';
import { copyFile } from './checkpoint-copy.js';
import { writeFailure } from './checkpoint-failures.js';
import type { CheckpointFiles } from './checkpoint-files.js';
import { formatOf, manifestText } from './checkpoint-manifest.js';
import type {
  CheckpointManifest,
  CheckpointTrigger,
  JobLabel,
  OperatorManifest,
  QueryManifest,
  StateFileEntry,
} from './checkpoint-manifest.js';
import { MANIFEST } from './checkpoint-reader.js';
import { entryCuts } from './entry-cuts.js';
import type { EntryCut } from './entry-cuts.js';
import type { JobState, OperatorState, QueryState } from './job-state.js';
import { fileBytes, writeStateFile } from './state-file.js';

/** Below that, a digest costs less than asking another thread for it. */
const DIGEST_HERE_BYTES = 64 * 1024;
const NAME_CHARACTERS_MAX = 60;

export interface CheckpointContent {
  /** Larger than `newestEpoch`. */
  readonly epoch: number;
  readonly trigger: CheckpointTrigger;
  readonly arch: 'v1' | 'v2';
  readonly partitions: number;
  readonly job: JobLabel;
  readonly state: JobState;
  /** By `operatorKey`; an operator without one has the empty signature. */
  readonly signatures: ReadonlyMap<string, string>;
  /** By query. */
  readonly counters: ReadonlyMap<string, Readonly<Record<string, number>>>;
  /** Ends the write where it is; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A state file that is on disk and whole, and the epoch in whose folder it is. */
export interface KnownFile {
  readonly epoch: number;
  readonly file: StateFileEntry;
}

/** Key of an operator's signature: operators of several queries may have one id. */
export function operatorKey(query: string, operator: string): string {
  return `${query}\n${operator}`;
}

interface EpochTarget {
  readonly epoch: number;
  readonly partial: string;
  readonly goesOn: () => void;
  readonly known: ReadonlyMap<string, KnownFile>;
  readonly folderOf: (epoch: number) => string;
}

/** The folder of one epoch before it is published. */
export class EpochWriter {
  bytesWritten = 0;
  bytesLinked = 0;
  private readonly files: CheckpointFiles;
  private readonly target: EpochTarget;
  private fileCount = 0;

  constructor(files: CheckpointFiles, target: EpochTarget) {
    this.files = files;
    this.target = target;
  }

  async write(content: CheckpointContent, takenAtMs: number): Promise<CheckpointManifest> {
    const { epoch, partial } = this.target;
    await this.tried(partial, async () => {
      await this.files.removeFolder(partial);
      await this.files.makeFolder(partial);
    });
    const queries: QueryManifest[] = [];
    for (const query of content.state) queries.push(await this.queryOf(query, content));
    const { trigger, arch, partitions, job } = content;
    const manifest: CheckpointManifest = {
      format: formatOf(queries),
      velo: packageManifest().version,
      epoch,
      takenAtMs,
      trigger,
      arch,
      partitions,
      job,
      queries,
    };
    await this.manifest(manifest);
    await this.tried(partial, () => this.files.syncFolder(partial));
    return manifest;
  }

  private async queryOf(
    { query, ended, splits, sink, operators }: QueryState,
    { signatures, counters }: CheckpointContent,
  ): Promise<QueryManifest> {
    const parts = new Map<string, OperatorState[]>();
    for (const part of operators) {
      const found = parts.get(part.operator);
      if (found === undefined) parts.set(part.operator, [part]);
      else found.push(part);
    }
    const written: OperatorManifest[] = [];
    for (const [id, all] of parts) {
      written.push({
        id,
        signature: signatures.get(operatorKey(query, id)) ?? '',
        parts: all.map(({ bytes, file }) => file?.bytes ?? bytes.length),
        files: await this.filesOf(id, all),
      });
    }
    return {
      query,
      ended,
      sink,
      counters: { ...counters.get(query) },
      splits: [...splits],
      operators: written,
    };
  }

  private async filesOf(
    operator: string,
    parts: readonly OperatorState[],
  ): Promise<StateFileEntry[]> {
    const files: StateFileEntry[] = [];
    let together: Uint8Array[] = [];
    const cut = async (): Promise<void> => {
      for (const each of entryCuts(together)) {
        if (each === null) await setImmediate();
        else files.push(await this.file(operator, each));
      }
      together = [];
    };
    for (const { bytes, file } of parts) {
      if (file === undefined) together.push(bytes);
      else {
        await cut();
        files.push(await this.run(operator, file));
      }
    }
    await cut();
    return files;
  }

  private newName(operator: string): string {
    this.fileCount += 1;
    const safe = operator.replace(/[^A-Za-z0-9_-]+/g, '-').slice(0, NAME_CHARACTERS_MAX);
    return `${String(this.fileCount).padStart(4, '0')}-${safe}.state`;
  }

  /** A file that the operator has written: another name for it, or a copy on another disk. */
  private async run(operator: string, file: EntryFile): Promise<StateFileEntry> {
    this.target.goesOn();
    const { files, target } = this;
    const name = this.newName(operator);
    const path = join(target.partial, name);
    const { bytes, entries, crc32c, sha256 } = file;
    const known = target.known.get(sha256);
    await this.tried(path, async () => {
      try {
        await files.link(file.path, path);
      } catch {
        await copyFile(files, file.path, path);
      }
      await files.sync(path);
    });
    if (known === undefined) this.bytesWritten += fileBytes(bytes);
    else this.bytesLinked += fileBytes(bytes);
    const keyGroups: [number, number] = [...file.keyGroups];
    const since = known?.file.since ?? target.epoch;
    return { name, bytes, crc32c, sha256, entries, keyGroups, since, run: true };
  }

  private async file(operator: string, cut: EntryCut): Promise<StateFileEntry> {
    const { content, entries, keyGroups } = cut;
    this.target.goesOn();
    const name = this.newName(operator);
    const path = join(this.target.partial, name);
    const sha256 = await digestOf(content);
    const known = this.target.known.get(sha256);
    if (known !== undefined && (await this.linked(known, path))) {
      this.bytesLinked += fileBytes(content.length);
      return { ...known.file, name };
    }
    const sum = await this.tried(path, () =>
      writeStateFile(this.files, { path, content, goesOn: this.target.goesOn }),
    );
    this.bytesWritten += fileBytes(content.length);
    return {
      name,
      bytes: content.length,
      crc32c: sum,
      sha256,
      entries,
      keyGroups: keyGroups === null ? null : [...keyGroups],
      since: this.target.epoch,
    };
  }

  /** False where it has to be written: no links here, or the older file is not what it was. */
  private async linked({ epoch, file }: KnownFile, path: string): Promise<boolean> {
    try {
      await this.files.link(join(this.target.folderOf(epoch), file.name), path);
    } catch {
      return false;
    }
    const size = await this.tried(path, () => this.files.size(path));
    if (size === fileBytes(file.bytes)) return true;
    await this.tried(path, () => this.files.remove(path));
    return false;
  }

  private async manifest(manifest: CheckpointManifest): Promise<void> {
    const path = join(this.target.partial, MANIFEST);
    const text = manifestText(manifest);
    await this.tried(path, async () => {
      const file = await this.files.create(path);
      try {
        await file.write(text);
        await file.sync();
      } finally {
        await file.close();
      }
    });
    this.bytesWritten += text.length;
  }

  private async tried<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.target.goesOn();
      throw writeFailure(path, error);
    }
  }
}

/** SHA-256 in hexadecimal; of much, on a thread of its own beside the job. */
async function digestOf(bytes: Uint8Array): Promise<string> {
  if (bytes.length <= DIGEST_HERE_BYTES) return createHash('sha256').update(bytes).digest('hex');
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes)).toString('hex');
}
