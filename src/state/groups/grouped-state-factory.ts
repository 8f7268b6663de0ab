/**
 * What the grouped states of one operator share: kernels, texts, codecs, and the memory of states
 * that are no longer used. Owns the life of states (a pane's opens and closes); what a state does is
 * grouped-state.ts. @hot
 */
import type { AggregateLayout } from './aggregate-layout.js';
import { planLayout } from './aggregate-layout.js';
import { TIMESTAMP } from '../../columnar/types.js';
import { GroupRecords } from './group-records.js';
import type { GroupSpec } from './group-spec.js';
import { GroupedState } from './grouped-state.js';
import { GroupingKernels } from './grouping-kernels.js';
import { Interner } from '../values/interner.js';
import { ResultRows } from '../result-rows.js';
import type { ResultRowsOptions, RowErrors, RowOutput } from '../result-rows.js';
import type { CellCodec } from '../values/value-cells.js';
import { codecOf } from '../values/value-cells.js';

/** Bytes of released states that wait for their next use. */
const RECYCLED_BYTES_MAX = 1 << 25;

/** What the states of one operator share: kernels, texts, recycled memory. */
export class GroupedStateFactory {
  readonly spec: GroupSpec;
  readonly layout: AggregateLayout;
  readonly interner = new Interner();
  readonly codecs = new Map<number, CellCodec>();
  readonly kernels: GroupingKernels;
  readonly records: GroupRecords;
  private readonly states = new Set<GroupedState>();
  private readonly recycled: GroupedState[] = [];
  private recycledBytes = 0;
  private versions = 0;

  constructor(spec: GroupSpec) {
    this.spec = spec;
    this.layout = planLayout({ ...spec, inputRetracts: spec.inputRetracts === true });
    for (const column of this.layout.columns) {
      this.codecs.set(column, codecOf(spec.inputTypes[column]!, this.interner));
    }
    this.kernels = new GroupingKernels(spec.id, this.layout, this.codecs, this.interner);
    this.records = new GroupRecords(this.layout, this.codecs);
  }

  /** An empty state: one pane, or the whole of an operator without windows. */
  create(): GroupedState {
    const state = this.recycled.pop();
    if (state === undefined) return this.adopt(new GroupedState(this));
    this.recycledBytes -= state.byteSize();
    return this.adopt(state);
  }

  /** Takes back a state that is no longer used; its memory serves the next create(). */
  release(state: GroupedState): void {
    state.clear();
    this.states.delete(state);
    const bytes = state.byteSize();
    if (this.recycledBytes + bytes > RECYCLED_BYTES_MAX) return;
    this.recycledBytes += bytes;
    this.recycled.push(state);
  }

  /** A number no state of this factory has had. */
  nextVersion(): number {
    this.versions += 1;
    return this.versions;
  }

  /** A builder of result rows for states of this factory. */
  results(output: RowOutput, errors: RowErrors, options: ResultRowsOptions = {}): ResultRows {
    const { spec } = this;
    const types = spec.keys.map((key) => spec.inputTypes[key]!);
    if (spec.windowColumns) types.push(TIMESTAMP, TIMESTAMP);
    for (const aggregate of spec.aggregates) types.push(aggregate.type);
    return new ResultRows(types, output, errors, options);
  }

  /** Forgets texts that no state needs, when there are many; between calls of kernels only. */
  tidy(): void {
    if (this.interner.isFull()) this.interner.compact(this.states);
  }

  /** Forgets all texts that no state needs. */
  forgetTexts(): void {
    if (this.interner.dictionary.size > 1) this.interner.compact(this.states);
  }

  private adopt(state: GroupedState): GroupedState {
    this.states.add(state);
    return state;
  }
}
