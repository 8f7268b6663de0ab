/**
 * What the main thread and the threads of the exchange benchmarks tell each other: the shared
 * memory and its sizes, tasks and answers.
 */
/* eslint no-restricted-globals: off -- types of shared memory */
import { BLOCK_ROWS } from './micro-rows.js';

/** How rows get to their groups: see micro-exchange-worker.ts. */
export type Way = 'blocks' | 'in place' | 'rows' | 'locked' | 'adding';

export interface SumsTask {
  readonly kind: 'sums';
  readonly way: Way;
  readonly rows: number;
  readonly groups: number;
  /** Of the ways that share one. */
  readonly table: SharedArrayBuffer | null;
}

export type Task = SumsTask | { readonly kind: 'items'; readonly items: number };

/** Sums of the thread's groups by group, none when they are in the table; or what items add up to. */
export type Answer = { readonly sums: Float64Array } | { readonly checksum: number };

export interface Shared {
  readonly me: number;
  readonly arenas: readonly SharedArrayBuffer[];
  /** By sender, then receiver. */
  readonly rings: readonly (readonly SharedArrayBuffer[])[];
  /** Rows copied for a receiver, ROW_SLOTS times ROW_SLOT_BYTES: by sender, then receiver. */
  readonly slots: readonly (readonly SharedArrayBuffer[])[];
  readonly cells: SharedArrayBuffer;
}

/** Blocks that a ring of an exchange holds. */
export const RING_SLOTS = 64;
export const ROW_SLOTS = 8;
/** In front of the columns of a block or slot. */
export const HEAD_BYTES = 64;
export const ROW_SLOT_BYTES = HEAD_BYTES + BLOCK_ROWS * (4 + 4 + 8 + 8);
