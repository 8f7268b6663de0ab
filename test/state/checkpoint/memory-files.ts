/**
 * A file system in memory that keeps apart what programs see and what is on the disk, so that the
 * power can go at any moment; and one around it whose calls fail, or are the last ones of a process.
 * Owns the model: names reach the disk when their folder is synced, or by chance before that, each
 * change whole or not at all; bytes when their file is synced, or any part of them by chance.
 */
import { basename, dirname } from 'node:path';
import type {
  CheckpointFiles,
  ReadFile,
  WrittenFile,
} from '../../../src/state/checkpoint/checkpoint-files.js';
import type { Random } from '../../oracle/random-data.js';

export interface MemoryFile {
  readonly kind: 'file';
  bytes: Uint8Array;
  /** What a loss of power leaves for certain. */
  durable: Uint8Array;
}

export interface MemoryFolder {
  readonly kind: 'folder';
  names: Map<string, MemoryNode>;
  durable: Map<string, MemoryNode>;
  /** Changes to the names since the last sync. */
  changes: ((names: Map<string, MemoryNode>) => void)[];
}

export type MemoryNode = MemoryFile | MemoryFolder;

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made to fail, test`), { code });
}

function newFolder(): MemoryFolder {
  return { kind: 'folder', names: new Map(), durable: new Map(), changes: [] };
}

export class MemoryFiles implements CheckpointFiles {
  root = newFolder();

  makeFolders(path: string): Promise<void> {
    return now(() => {
      let at = this.root;
      for (const name of segments(path)) {
        const found = at.names.get(name);
        if (found?.kind === 'file') throw systemError('ENOTDIR');
        const next = found ?? newFolder();
        if (found === undefined) {
          at.names.set(name, next);
          at.durable.set(name, next);
        }
        at = next as MemoryFolder;
      }
    });
  }

  makeFolder(path: string): Promise<void> {
    return now(() => this.put(path, newFolder()));
  }

  list(path: string): Promise<readonly string[]> {
    return now(() => [...this.folder(path).names.keys()]);
  }

  create(path: string): Promise<WrittenFile> {
    return now(() => {
      const file: MemoryFile = { kind: 'file', bytes: NOTHING, durable: NOTHING };
      this.put(path, file);
      return {
        write: (bytes) =>
          now(() => {
            file.bytes = new Uint8Array(Buffer.concat([file.bytes, bytes]));
          }),
        sync: () =>
          now(() => {
            file.durable = file.bytes;
          }),
        close: () => Promise.resolve(),
      };
    });
  }

  open(path: string): Promise<ReadFile> {
    return now(() => {
      const { bytes: all } = this.file(path);
      return {
        size: all.length,
        read: (bytes, place) =>
          now(() => {
            const found = all.subarray(place, place + bytes.length);
            bytes.set(found);
            return found.length;
          }),
        close: () => Promise.resolve(),
      };
    });
  }

  size(path: string): Promise<number> {
    return now(() => {
      const node = this.node(path);
      return node.kind === 'file' ? node.bytes.length : 0;
    });
  }

  link(path: string, name: string): Promise<void> {
    return now(() => this.put(name, this.file(path)));
  }

  sync(path: string): Promise<void> {
    return now(() => {
      const file = this.file(path);
      file.durable = file.bytes;
    });
  }

  rename(path: string, name: string): Promise<void> {
    return now(() => {
      const node = this.node(path);
      const taken = this.folder(dirname(name)).names.get(basename(name));
      if (taken?.kind === 'folder' && taken.names.size > 0) throw systemError('ENOTEMPTY');
      // Checkpoints rename within one folder only: one change, of which no half reaches the disk.
      this.change(dirname(path), (names) => {
        if (names.get(basename(path)) !== node) return;
        names.delete(basename(path));
        names.set(basename(name), node);
      });
    });
  }

  remove(path: string): Promise<void> {
    return now(() => {
      this.file(path);
      this.change(dirname(path), (names) => names.delete(basename(path)));
    });
  }

  removeFolder(path: string): Promise<void> {
    return now(() => {
      if (!this.folder(dirname(path)).names.has(basename(path))) return;
      this.change(dirname(path), (names) => names.delete(basename(path)));
    });
  }

  syncFolder(path: string): Promise<void> {
    return now(() => {
      const folder = this.folder(path);
      folder.durable = new Map(folder.names);
      folder.changes = [];
    });
  }

  node(path: string): MemoryNode {
    let at: MemoryNode = this.root;
    for (const name of segments(path)) {
      if (at.kind === 'file') throw systemError('ENOTDIR');
      const next: MemoryNode | undefined = at.names.get(name);
      if (next === undefined) throw systemError('ENOENT');
      at = next;
    }
    return at;
  }

  file(path: string): MemoryFile {
    const node = this.node(path);
    if (node.kind === 'folder') throw systemError('EISDIR');
    return node;
  }

  folder(path: string): MemoryFolder {
    const node = this.node(path);
    if (node.kind === 'file') throw systemError('ENOTDIR');
    return node;
  }

  /** The same tree of its own; files with several names stay one file. */
  copy(): MemoryFiles {
    const copies = new Map<MemoryNode, MemoryNode>();
    const copyOf = (node: MemoryNode): MemoryNode => {
      const known = copies.get(node);
      if (known !== undefined) return known;
      const made: MemoryNode = node.kind === 'file' ? { ...node } : newFolder();
      copies.set(node, made);
      if (node.kind === 'folder' && made.kind === 'folder') {
        for (const [name, each] of node.names) made.names.set(name, copyOf(each));
        made.durable = new Map(made.names);
      }
      return made;
    };
    const copied = new MemoryFiles();
    copied.root = copyOf(this.root) as MemoryFolder;
    return copied;
  }

  /** What a machine finds that lost its power now. */
  withoutPower(random: Random): MemoryFiles {
    const copies = new Map<MemoryNode, MemoryNode>();
    const leftOf = (node: MemoryNode): MemoryNode => {
      const known = copies.get(node);
      if (known !== undefined) return known;
      if (node.kind === 'file') {
        const bytes = leftBytes(node, random);
        const file: MemoryFile = { kind: 'file', bytes, durable: bytes };
        copies.set(node, file);
        return file;
      }
      const names = new Map(node.durable);
      const inOrder = random.chance(50);
      const last = random.below(node.changes.length + 1);
      node.changes.forEach((change, at) => {
        if (inOrder ? at < last : random.chance(50)) change(names);
      });
      const folder = newFolder();
      copies.set(node, folder);
      for (const [name, each] of names) folder.names.set(name, leftOf(each));
      folder.durable = new Map(folder.names);
      return folder;
    };
    const left = new MemoryFiles();
    left.root = leftOf(this.root) as MemoryFolder;
    return left;
  }

  private put(path: string, node: MemoryNode): void {
    if (this.folder(dirname(path)).names.has(basename(path))) throw systemError('EEXIST');
    this.change(dirname(path), (names) => names.set(basename(path), node));
  }

  private change(path: string, change: (names: Map<string, MemoryNode>) => void): void {
    const folder = this.folder(path);
    change(folder.names);
    folder.changes.push(change);
  }
}

const NOTHING = new Uint8Array(0);

function leftBytes({ bytes, durable }: MemoryFile, random: Random): Uint8Array {
  if (bytes === durable) return durable;
  const kind = random.below(4);
  if (kind === 0) return durable;
  if (kind === 1) return bytes;
  const until = random.below(bytes.length + 1);
  if (kind === 2) return bytes.slice(0, until);
  const torn = bytes.slice();
  torn.fill(0, until);
  return torn;
}

function segments(path: string): readonly string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

async function now<T>(work: () => T): Promise<T> {
  return work();
}

export type Fault =
  /** The call fails with this code, and later ones do not. */
  | { readonly kind: 'fails'; readonly code: string }
  /** The process ends in front of the call, behind it, or in the middle of what it writes. */
  | { readonly kind: 'dies'; readonly when: 'before' | 'after' | 'within' };

export class Death extends Error {
  override readonly name = 'Death';
}

/** Calls that change something on the disk, one of which has a fault. */
export class FaultyFiles implements CheckpointFiles {
  calls = 0;
  /** Names of the calls, in order. */
  readonly made: string[] = [];
  private readonly files: CheckpointFiles;
  private readonly at: number;
  private readonly fault: Fault;
  private isDead = false;

  constructor(files: CheckpointFiles, at: number, fault: Fault) {
    this.files = files;
    this.at = at;
    this.fault = fault;
  }

  makeFolders = (path: string): Promise<void> =>
    this.call('makeFolders', () => this.files.makeFolders(path));
  makeFolder = (path: string): Promise<void> =>
    this.call('makeFolder', () => this.files.makeFolder(path));
  list = (path: string): Promise<readonly string[]> =>
    this.call('list', () => this.files.list(path));
  size = (path: string): Promise<number> => this.call('size', () => this.files.size(path));
  link = (path: string, name: string): Promise<void> =>
    this.call('link', () => this.files.link(path, name));
  sync = (path: string): Promise<void> => this.call('sync', () => this.files.sync(path));
  rename = (path: string, name: string): Promise<void> =>
    this.call('rename', () => this.files.rename(path, name));
  remove = (path: string): Promise<void> => this.call('remove', () => this.files.remove(path));
  removeFolder = (path: string): Promise<void> =>
    this.call('removeFolder', () => this.files.removeFolder(path));
  syncFolder = (path: string): Promise<void> =>
    this.call('syncFolder', () => this.files.syncFolder(path));

  async create(path: string): Promise<WrittenFile> {
    const file = await this.call('create', () => this.files.create(path));
    return {
      write: (bytes) =>
        this.call(
          'write',
          () => file.write(bytes),
          () => file.write(bytes.subarray(0, bytes.length >> 1)),
        ),
      sync: () => this.call('sync', () => file.sync()),
      close: () => this.call('close', () => file.close()),
    };
  }

  async open(path: string): Promise<ReadFile> {
    const file = await this.call('open', () => this.files.open(path));
    return {
      size: file.size,
      read: (bytes, place) => this.call('read', () => file.read(bytes, place)),
      close: () => this.call('close', () => file.close()),
    };
  }

  private async call<T>(
    name: string,
    work: () => Promise<T>,
    half: () => Promise<unknown> = work,
  ): Promise<T> {
    if (this.isDead) throw new Death();
    const isFaulty = this.calls === this.at;
    this.calls += 1;
    this.made.push(name);
    if (!isFaulty) return work();
    if (this.fault.kind === 'fails') {
      if (name === 'write') await half();
      throw systemError(this.fault.code);
    }
    if (this.fault.when === 'after') await work();
    if (this.fault.when === 'within') await half();
    this.isDead = true;
    throw new Death();
  }
}
