/**
 * The memo of one expression over one input: a small whole number, or the codes of a dictionary.
 * Owns the tables that kernels read in place and the way a value gets into them. A table is
 * indexed by the number or code itself:
 *
 *   states[key]   >= 0  known: a pool code for text, 0 or 1 for BOOLEAN, 0 for numbers
 *                 -1    not computed yet      -2  NULL
 *                 -3    the row fails (failure)      -4  a BIGINT or DECIMAL beyond the safe integers
 *   numbers[key]  the value, where the result is a number
 *
 * Numbers from 0 to 65,535 have a place in the table; what is outside is computed each time, and
 * after many such misses the site asks to be left out of the kernels (exhausted). @hot
 */
import { assert } from '../../base/assert.js';
import { DICTIONARY_ENTRIES_MAX } from '../../columnar/dictionary.js';
import type { Dictionary } from '../../columnar/dictionary.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';
import { DataFault } from '../../functions/registry-types.js';

import type { ErrorKey } from '../../base/error-codes.js';

/** Why a row failed. */
export interface KernelFailure {
  readonly key: ErrorKey;
  readonly message: string;
}

export const UNKNOWN = -1;
export const IS_NULL = -2;
export const FAILS = -3;
/** The narrow kernel must give up. */
export const TOO_WIDE = -4;

const KEYS_MAX = 65_536;
const KEYS_AT_FIRST = 1024;
const OUTSIDE_MAX = 4096;

interface Table {
  states: Int32Array;
  numbers: Float64Array;
}

export class MemoSite {
  failure: KernelFailure | null = null;
  /** The number of the last miss. */
  readonly number = new Float64Array(1);
  /** So many keys had no place in the table, or so many texts, that plain code is better. */
  exhausted = false;
  private readonly type: SqlType;
  private readonly compute: (input: SqlValue) => SqlValue;
  private readonly pool: Dictionary;
  private table: Table = newTable(KEYS_AT_FIRST);
  private readonly tables = new WeakMap<Dictionary, Table>();
  private dictionary: Dictionary | null = null;
  private nullState = UNKNOWN;
  private nullNumber = 0;
  private largestKey = 0;
  private outside = 0;

  constructor(type: SqlType, compute: (input: SqlValue) => SqlValue, pool: Dictionary) {
    this.type = type;
    this.compute = compute;
    this.pool = pool;
  }

  /** The states of whole-number keys for the next batch; numbers() belongs to them. */
  statesOfNumbers(): Int32Array {
    while (this.table.states.length <= this.largestKey && this.table.states.length < KEYS_MAX) {
      this.table = grownTable(this.table, this.table.states.length * 4);
    }
    return this.table.states;
  }

  /** The states of a dictionary's codes for the next batch; numbers() belongs to them. */
  statesOfCodes(dictionary: Dictionary): Int32Array {
    let table = dictionary === this.dictionary ? this.table : this.tables.get(dictionary);
    if (table === undefined || table.states.length < dictionary.size) {
      const size = Math.max(64, 2 ** Math.ceil(Math.log2(dictionary.size + 1)));
      table = table === undefined ? newTable(size) : grownTable(table, size);
    }
    this.tables.set(dictionary, table);
    this.dictionary = dictionary;
    this.table = table;
    return table.states;
  }

  numbers(): Float64Array {
    return this.table.numbers;
  }

  /** State of a number that the table does not know; its value is in `number`. */
  missNumber(key: number): number {
    const inside = key >= 0 && key < KEYS_MAX;
    if (inside && key > this.largestKey) this.largestKey = key;
    if (!inside) {
      this.outside += 1;
      if (this.outside > OUTSIDE_MAX) this.exhausted = true;
    }
    const state = this.stateOf(BigInt(key));
    if (inside && key < this.table.states.length) this.keep(key, state);
    return state;
  }

  /** State of a dictionary code that the table does not know. */
  missCode(entry: number): number {
    assert(this.dictionary !== null, 'statesOfCodes comes before the rows');
    const state = this.stateOf(this.dictionary.text(entry));
    this.keep(entry, state);
    return state;
  }

  /** State for a NULL input. */
  missNull(): number {
    if (this.nullState === UNKNOWN || this.nullState === FAILS) {
      this.nullState = this.stateOf(null);
      this.nullNumber = this.number[0]!;
    }
    this.number[0] = this.nullNumber;
    return this.nullState;
  }

  private keep(key: number, state: number): void {
    // A failure is computed again for each row, so that `failure` is that row's.
    if (state === FAILS) return;
    this.table.states[key] = state;
    this.table.numbers[key] = this.number[0]!;
  }

  private stateOf(input: SqlValue): number {
    try {
      return this.stateOfResult(this.compute(input));
    } catch (error) {
      if (!(error instanceof DataFault)) throw error;
      this.failure = { key: error.key, message: error.message };
      return FAILS;
    }
  }

  private stateOfResult(value: SqlValue): number {
    if (value === null) return IS_NULL;
    if (typeof value === 'string') {
      if (this.pool.size >= DICTIONARY_ENTRIES_MAX) this.exhausted = true;
      return this.pool.internText(value);
    }
    if (typeof value === 'boolean') return value ? 1 : 0;
    assert(typeof value === 'number' || typeof value === 'bigint', `${this.type.kind} has no memo`);
    const number = Number(value);
    if (typeof value === 'bigint' && !Number.isSafeInteger(number)) return TOO_WIDE;
    this.number[0] = number;
    return 0;
  }
}

function newTable(size: number): Table {
  return { states: new Int32Array(size).fill(UNKNOWN), numbers: new Float64Array(size) };
}

function grownTable(table: Table, size: number): Table {
  const grown = newTable(size);
  grown.states.set(table.states);
  grown.numbers.set(table.numbers);
  return grown;
}
