/**
 * Names of the files that a rolling sink writes: the table's path with a number in front of its
 * endings (`orders-00001.jsonl.gz`), counted on from the highest that is there. Owns the form and
 * the count, which the queries of a job that write to one path share.
 */
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const DIGITS = 5;

export class PartNames {
  private readonly folder: string;
  private readonly stem: string;
  private readonly endings: string;
  private last: number;

  /** Throws what the system says of a folder that cannot be listed. */
  constructor(path: string) {
    this.folder = dirname(path);
    const name = basename(path);
    const dot = name.indexOf('.', 1);
    this.stem = dot < 0 ? name : name.slice(0, dot);
    this.endings = dot < 0 ? '' : name.slice(dot);
    this.last = Math.max(0, ...readdirSync(this.folder).map((each) => this.numberOf(each)));
  }

  take(): string {
    this.last += 1;
    const number = String(this.last).padStart(DIGITS, '0');
    return join(this.folder, `${this.stem}-${number}${this.endings}`);
  }

  private numberOf(name: string): number {
    if (!name.startsWith(`${this.stem}-`) || !name.endsWith(this.endings)) return 0;
    const digits = name.slice(this.stem.length + 1, name.length - this.endings.length);
    return /^\d{5,15}$/.test(digits) ? Number(digits) : 0;
  }
}
