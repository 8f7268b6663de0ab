/**
 * The JSON decoder's fast path around the generated kernel: learns layouts, compiles kernels, reads
 * keys that are not where the kernel expects them. Owns when a kernel is made and dropped; whatever
 * it cannot read the decoder's slow path reads again from the start. @hot
 */
import { compileJsonKernel } from '../../codegen/json/json-decoder.js';
import type { JsonKernel, JsonKernelColumn } from '../../codegen/json/json-decoder.js';
import type { Column } from '../../columnar/column.js';
import { Dictionary } from '../../columnar/dictionary.js';
import type { DecoderColumn } from '../decoder.js';
import type { CellReader } from './json-cell.js';
import { learnLayout } from './json-layout.js';
import type { LayoutSlot } from './json-layout.js';
import type { JsonScanner } from './json-scanner.js';
import { longQuotient, POWERS_OF_TEN } from '../columns/number-text.js';
import type { TargetColumn } from '../columns/target.js';

/** Records read without a kernel first: short inputs do not pay for one. */
const WARM_UP_RECORDS = 32;
/** A kernel is judged after so many records, twice as many after each new one. */
const TRIAL_RECORDS = 1024;
/** New layouts that are tried at most; records of many layouts share the last one. */
const LAYOUTS_MAX = 5;

export interface FastPathParts {
  readonly scanner: JsonScanner;
  readonly columns: readonly DecoderColumn[];
  readonly targets: readonly TargetColumn[];
  readonly readers: readonly CellReader[];
}

export class JsonFastPath {
  /** Null until a layout is learnt; see codegen/json/json-decoder.ts. */
  kernel: JsonKernel | null = null;
  private readonly parts: FastPathParts;
  /** Codes are slot numbers. */
  private slotKeys = new Dictionary();
  private slotCount = 0;
  private leads: readonly Uint8Array[] = [];
  /** Slot that the last detour from each state led to; -1: none yet. */
  private detours = new Int32Array(0);
  private readonly state = new Int32Array(1);
  private warmUp = 0;
  private layouts = 0;
  /** Records and detours since the kernel was made or last judged. */
  private records = 0;
  private seeks = 0;

  constructor(parts: FastPathParts) {
    this.parts = parts;
  }

  /** A batch of `records` begins: drops a kernel whose keys are mostly found elsewhere. */
  judge(records: number): void {
    this.records += records;
    const trial = TRIAL_RECORDS << this.layouts;
    if (this.kernel === null || this.records < trial) return;
    if (this.seeks * 2 > this.records && this.layouts < LAYOUTS_MAX) this.kernel = null;
    this.records = 0;
    this.seeks = 0;
  }

  /** The kinds of columns changed: the kernel's arrays are no longer the targets'. */
  drop(): void {
    if (this.kernel === null) return;
    this.kernel = null;
    this.layouts -= 1;
  }

  /** The slow path has read the well-formed record at `start`: makes a kernel for its like. */
  learn(bytes: Uint8Array, start: number): void {
    this.warmUp += 1;
    if (this.warmUp < WARM_UP_RECORDS) return;
    const { scanner, columns, targets } = this.parts;
    const slots = learnLayout({ scanner, columns, targets }, bytes, start);
    if (slots.length === 0) return;
    this.layouts += 1;
    this.records = 0;
    this.seeks = 0;
    this.kernel = this.compile(slots);
  }

  private compile(slots: readonly LayoutSlot[]): JsonKernel {
    const { scanner, targets } = this.parts;
    this.slotKeys = new Dictionary();
    for (const slot of slots) this.slotKeys.internText(slot.key);
    this.slotCount = slots.length;
    this.leads = slots.map((slot) => slot.lead);
    this.detours = new Int32Array(slots.length + 1).fill(-1);
    return compileJsonKernel(
      { slots, columnCount: targets.length },
      {
        columns: targets.map((target, index) => this.kernelColumn(target, index)),
        powersOfTen: POWERS_OF_TEN,
        longQuotient,
        seek: (bytes, at, slot) => this.seek(bytes, at, slot),
        state: this.state,
        skipText: (bytes, at) => scanner.skipText(bytes, at),
        skipValue: (bytes, at) => scanner.skipValue(bytes, scanner.skipSpace(bytes, at)),
        setMissing: (word, seen, row) => this.setMissing(word, seen, row),
      },
    );
  }

  private kernelColumn(target: TargetColumn, index: number): JsonKernelColumn {
    const { column } = target;
    const { scanner } = this.parts;
    const read = this.parts.readers[index]!;
    return {
      values: fastValues(column),
      dictionary: column.kind === 'dict' ? column.dictionary : null,
      readCell(bytes, at, row) {
        const end = read(bytes, scanner.skipSpace(bytes, at), row);
        // A wider kind has other arrays than the kernel's: the slow path writes the whole row.
        return target.column === column ? end : -1;
      },
    };
  }

  /**
   * From behind a value (slot 0: from the record's start) to the value of the next key that has a
   * slot, whose state goes to `state`, or behind the closing brace. -1 when malformed.
   */
  private seek(bytes: Uint8Array, from: number, slot: number): number {
    this.seeks += 1;
    const opening = slot === 0 ? 123 : 44;
    // Records of two layouts in turn take the same detours again and again.
    const detour = this.detours[slot]!;
    if (detour >= 0 && startsWith(bytes, from, opening, this.leads[detour]!)) {
      this.state[0] = detour * 2 + 1;
      return from + this.leads[detour]!.length;
    }
    const { scanner } = this.parts;
    let at = scanner.skipSpace(bytes, from);
    if (bytes[at] !== opening) return slot > 0 && bytes[at] === 125 ? this.atEnd(at) : -1;
    at = scanner.skipSpace(bytes, at + 1);
    if (slot === 0 && bytes[at] === 125) return this.atEnd(at);
    for (;;) {
      at = scanner.key(bytes, at);
      if (at < 0) return -1;
      const { textBytes, textStart, textEnd } = scanner;
      const found = this.slotKeys.find(textBytes, textStart, textEnd - textStart);
      if (found >= 0) {
        this.state[0] = found * 2 + 1;
        this.detours[slot] = found;
        return at;
      }
      at = scanner.skipValue(bytes, at);
      if (at < 0) return -1;
      at = scanner.skipSpace(bytes, at);
      if (bytes[at] === 125) return this.atEnd(at);
      if (bytes[at] !== 44) return -1;
      at = scanner.skipSpace(bytes, at + 1);
    }
  }

  private atEnd(at: number): number {
    this.state[0] = this.slotCount * 2 + 1;
    return at + 1;
  }

  private setMissing(word: number, seen: number, row: number): void {
    const { targets } = this.parts;
    const first = word * 31;
    const last = Math.min(first + 31, targets.length);
    for (let index = first; index < last; index += 1) {
      if ((seen & (1 << (index - first))) === 0) targets[index]!.setNull(row);
    }
  }
}

/** Whether the bytes are `opening` and then the lead without its own opening byte. */
function startsWith(bytes: Uint8Array, at: number, opening: number, lead: Uint8Array): boolean {
  if (bytes[at] !== opening || (lead[0] !== 44 && lead[0] !== 123)) return false;
  for (let place = 1; place < lead.length; place += 1) {
    if (bytes[at + place] !== lead[place]) return false;
  }
  return true;
}

function fastValues(column: Column): Float64Array | Int32Array | null {
  if (column.kind === 'f64') return column.values;
  return column.kind === 'dict' ? column.codes : null;
}
