/**
 * The oracle of grouped state: lists of rows per group, every result evaluated from scratch. Owns
 * the expected result rows of each way of emitting, and the comparison with a tolerance for DOUBLE.
 */
import type { SqlValue } from '../../src/columnar/types.js';
import type { GroupSpec } from '../../src/state/groups/group-spec.js';
import { evaluateAggregate, keyText, OVERFLOW } from '../../src/state/naive-aggregates.js';
import type { Change, Collected, Row } from './grouping-harness.js';

interface Group {
  readonly key: Row;
  rows: Row[];
}

export class GroupingOracle {
  /** In order of first appearance. */
  readonly groups = new Map<string, Group>();
  private readonly spec: GroupSpec;
  /** A query without keys has a row out since its first record. */
  private born = false;

  constructor(spec: GroupSpec) {
    this.spec = spec;
  }

  update(changes: readonly Change[]): void {
    for (const change of changes) this.apply(change);
    this.forgetEmpty();
  }

  changed(changes: readonly Change[]): Collected[] {
    const out: Collected[] = [];
    changes.forEach((change, at) => {
      const group = this.groupOf(change.row);
      const second = this.isSecond(changes, at);
      const existed = second || this.exists(group);
      const old = this.result(group);
      const joined = at + 1 < changes.length && this.isSecond(changes, at + 1);
      this.apply(change);
      if (joined) return;
      if (this.spec.keys.length > 0 && group.rows.length === 0) out.push(...row('-D', old));
      else if (this.spec.aggregates.length > 0 || !existed) {
        out.push(...row(existed ? '+U' : '+I', this.result(group)));
      }
    });
    this.forgetEmpty();
    return out;
  }

  retract(changes: readonly Change[]): Collected[] {
    const out: Collected[] = [];
    changes.forEach((change, at) => {
      const group = this.groupOf(change.row);
      const second = this.isSecond(changes, at);
      const existed = second || this.exists(group);
      const old = this.result(group);
      const joined = at + 1 < changes.length && this.isSecond(changes, at + 1);
      this.apply(change);
      const dies = !joined && this.spec.keys.length > 0 && group.rows.length === 0;
      const silent = this.spec.aggregates.length === 0;
      if (dies) {
        out.push(...row('-D', old));
        return;
      }
      if (existed && !second && !silent) out.push(...row('-U', old));
      if (joined || (silent && existed)) return;
      out.push(...row(existed ? '+U' : '+I', this.result(group)));
    });
    this.forgetEmpty();
    return out;
  }

  all(changes: readonly Change[]): Collected[] {
    const out: Collected[] = [];
    for (const change of changes) {
      this.apply(change);
      this.forgetEmpty();
      for (const group of this.groups.values()) out.push(...row('+U', this.result(group)));
    }
    return out;
  }

  final(): Collected[] {
    return [...this.groups.values()].flatMap((group) => row('+I', this.result(group)));
  }

  /** A +U directly behind the −U of the same group. */
  private isSecond(changes: readonly Change[], at: number): boolean {
    const [before, here] = [changes[at - 1], changes[at]];
    if (before === undefined || here === undefined || here.op !== 2 || before.op !== 1)
      return false;
    return this.keyOf(before.row) === this.keyOf(here.row);
  }

  private exists(group: Group): boolean {
    return this.spec.keys.length === 0 ? this.born : group.rows.length > 0;
  }

  private keyOf(values: Row): string {
    return this.spec.keys.map((key) => keyText(values[key] as SqlValue)).join('|');
  }

  private groupOf(values: Row): Group {
    const text = this.keyOf(values);
    let group = this.groups.get(text);
    if (group === undefined) {
      group = { key: this.spec.keys.map((key) => positive(values[key] as SqlValue)), rows: [] };
      this.groups.set(text, group);
    }
    return group;
  }

  private apply(change: Change): void {
    const group = this.groupOf(change.row);
    this.born = true;
    if (change.op === 0 || change.op === 2) {
      group.rows.push(change.row);
      return;
    }
    const text = change.row.map(keyText).join('|');
    const at = group.rows.findIndex((each) => each.map(keyText).join('|') === text);
    if (at >= 0) group.rows.splice(at, 1);
  }

  private forgetEmpty(): void {
    if (this.spec.keys.length === 0) return;
    for (const [text, group] of this.groups) if (group.rows.length === 0) this.groups.delete(text);
  }

  /** The result row; null when an aggregate is out of range. */
  private result(group: Group): Row | null {
    const values: SqlValue[] = [...group.key];
    for (const aggregate of this.spec.aggregates) {
      const value = evaluateAggregate(aggregate, group.rows);
      if (value === OVERFLOW) return null;
      values.push(value);
    }
    return values;
  }
}

function row(op: string, values: Row | null): Collected[] {
  return values === null ? [] : [{ op, values }];
}

/** −0.0 is the group of 0.0. */
function positive(value: SqlValue): SqlValue {
  return value === 0 ? 0 : value;
}

/** What differs between result rows, doubles compared to 1e-12; undefined if nothing does. */
export function difference(
  actual: readonly Collected[],
  wanted: readonly Collected[],
): string | undefined {
  for (let at = 0; at < Math.max(actual.length, wanted.length); at += 1) {
    const [a, w] = [actual[at], wanted[at]];
    const same =
      a !== undefined &&
      w !== undefined &&
      a.op === w.op &&
      a.values.length === w.values.length &&
      a.values.every((value, column) => isSame(value, w.values[column] as SqlValue));
    if (!same) return `row ${at}: ${resultText(a)} instead of ${resultText(w)}`;
  }
  return undefined;
}

function isSame(actual: SqlValue, wanted: SqlValue): boolean {
  if (typeof actual !== 'number' || typeof wanted !== 'number') {
    return keyText(actual) === keyText(wanted);
  }
  return Math.abs(actual - wanted) <= 1e-12 * Math.max(1, Math.abs(wanted));
}

export function resultText(collected: Collected | undefined): string {
  if (collected === undefined) return 'no row';
  return `${collected.op} ${collected.values.map(keyText).join(' ')}`;
}
