/**
 * A run: the groups that went out of memory at one time, in a file in the form of a checkpoint's
 * (checkpoint/state-file.ts), in the order of their key groups, so that any range of those is one
 * stretch of it. It does not change. Owns writing and reading; which runs there are and when they
 * are merged is page-runs.ts. A group may be in several runs, with a part of its rows in each.
 *
 *   content := entry*                     of key groups 512 … 1023, 0 … 511: the order of hashes
 */
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { StateError } from '../../base/errors.js';
import { crc32c } from '../../base/crc32c.js';
import { HEAD_BYTES, HEADER_BYTES, headerOf, PIECE_BYTES } from '../checkpoint/state-file.js';
import { KEY_GROUPS } from '../key-groups.js';
import type { EntryFile } from '../snapshot.js';
import { EntryPieces } from './entry-pieces.js';
import type { PageFile, PageFolder } from './page-folder.js';

/** Place of a key group in the order of runs, and back: that of the hashes as signed numbers. */
export function rankOf(keyGroup: number): number {
  return keyGroup ^ (KEY_GROUPS / 2);
}

export class RunWriter {
  private readonly folder: PageFolder;
  private readonly file: PageFile;
  private readonly room = new Uint8Array(HEAD_BYTES + PIECE_BYTES);
  private readonly view = new DataView(this.room.buffer);
  /** Bytes in the piece at hand. */
  private used = 0;
  private content = 0;
  private entries = 0;
  private place = HEADER_BYTES;
  /** Length and sum of each piece. */
  private readonly heads: number[] = [];
  /** By rank: where its entries begin; those from `ranks` on are to come. */
  private readonly starts = new Float64Array(KEY_GROUPS + 1);
  private ranks = 0;

  /** Throws StateError, as all that follows. */
  constructor(folder: PageFolder) {
    this.folder = folder;
    this.file = folder.create();
  }

  /** What follows is of this rank or a higher one. */
  reach(rank: number): void {
    while (this.ranks <= rank) {
      this.starts[this.ranks] = this.content;
      this.ranks += 1;
    }
  }

  /** Whole entries of the rank that was reached. */
  put(bytes: Uint8Array, entries: number): void {
    this.entries += entries;
    this.content += bytes.length;
    for (let at = 0; at < bytes.length;) {
      const length = Math.min(PIECE_BYTES - this.used, bytes.length - at);
      this.room.set(bytes.subarray(at, at + length), HEAD_BYTES + this.used);
      this.used += length;
      at += length;
      if (this.used === PIECE_BYTES) this.writePiece();
    }
  }

  finish(): Run {
    if (this.used > 0) this.writePiece();
    this.reach(KEY_GROUPS);
    const header = headerOf(this.content);
    this.write(header, header.length, 0);
    const heads = new Uint8Array(HEADER_BYTES + this.heads.length * 4);
    heads.set(header);
    const view = new DataView(heads.buffer);
    this.heads.forEach((head, at) => view.setUint32(HEADER_BYTES + at * 4, head, true));
    return new Run(this.folder, this.file, {
      bytes: this.content,
      entries: this.entries,
      starts: this.starts,
      crc32c: crc32c(heads, 0, heads.length),
      sha256: createHash('sha256').update(heads).digest('hex'),
    });
  }

  private writePiece(): void {
    const { room, view, used } = this;
    const end = HEAD_BYTES + used;
    view.setUint32(0, used, true);
    view.setUint32(4, crc32c(room, HEAD_BYTES, end), true);
    this.heads.push(used, view.getUint32(4, true));
    this.write(room, end, this.place);
    this.place += end;
    this.used = 0;
  }

  private write(bytes: Uint8Array, length: number, place: number): void {
    this.folder.tried('written', () => {
      for (let put = 0; put < length;) {
        put += writeSync(this.file.fd, bytes, put, length - put, place + put);
      }
    });
  }
}

interface RunContent {
  readonly bytes: number;
  readonly entries: number;
  /** By rank, and behind the last one. */
  readonly starts: Float64Array;
  readonly crc32c: number;
  readonly sha256: string;
}

export class Run {
  readonly content: RunContent;
  private readonly folder: PageFolder;
  private readonly file: PageFile;
  private readonly pieces: EntryPieces;

  constructor(folder: PageFolder, file: PageFile, content: RunContent) {
    this.folder = folder;
    this.file = file;
    this.content = content;
    this.pieces = new EntryPieces(file.fd, content.bytes, (what) => damagedRun(what));
  }

  /** Bytes of the ranks [from, to). */
  bytesOf(from: number, to: number): number {
    const { starts } = this.content;
    return (starts[to] as number) - (starts[from] as number);
  }

  /** The entries of these ranks; in order, a file is read once. */
  read(from: number, to: number): Uint8Array {
    const into = new Uint8Array(this.bytesOf(from, to));
    this.folder.tried('read', () => this.pieces.read(this.content.starts[from] as number, into));
    return into;
  }

  /** No more is read for now. */
  rest(): void {
    this.pieces.rest();
  }

  /** The file under a name that whoever gets it removes; null: it has none to give. */
  handOver(): EntryFile | null {
    const { path } = this.file;
    if (path === null) return null;
    const { bytes, entries, crc32c: sum, sha256 } = this.content;
    const name = this.folder.link(path);
    return { path: name, bytes, entries, crc32c: sum, sha256, keyGroups: this.keyGroups() };
  }

  remove(): void {
    this.folder.remove(this.file);
  }

  private keyGroups(): readonly [number, number] {
    let first = KEY_GROUPS;
    let last = -1;
    for (let rank = 0; rank < KEY_GROUPS; rank += 1) {
      if (this.bytesOf(rank, rank + 1) === 0) continue;
      first = Math.min(first, rankOf(rank));
      last = Math.max(last, rankOf(rank));
    }
    return [first, last];
  }
}

function damagedRun(what: string): StateError {
  return new StateError('STATE_PAGES', {
    message: `a file of state that went out of memory ${what}`,
    hint: 'the disk fails: go on from the last checkpoint, with another folder: state.memory_dir',
  });
}
