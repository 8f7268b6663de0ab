/**
 * Which process this is, so that another one can tell later whether it is still there: on which
 * machine, since which start of it, in which container, and when it began, for numbers of processes
 * are given out again. Owns that judgement; who keeps such a record, and where, is its users'
 * business.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface ProcessPlace {
  readonly pid: number;
  readonly host: string;
  /** Of one installation; empty where the system has none. */
  readonly machine: string;
  /** Of one start of the machine; empty where the system does not say. */
  readonly boot: string;
  /** Among which processes `pid` is one. */
  readonly pidNamespace: string;
  /** When the process began, in the system's ticks since the start; empty: it does not say. */
  readonly began: string;
}

export type Presence =
  /** It runs. */
  | 'here'
  /** It is no more. */
  | 'gone'
  /** Nobody can tell from here: another machine. */
  | 'elsewhere';

export function ownPlace(): ProcessPlace {
  return {
    pid: process.pid,
    host: hostname(),
    machine: textOf(() => readFileSync('/etc/machine-id', 'utf8')),
    boot: textOf(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    pidNamespace: textOf(() => readlinkSync('/proc/self/ns/pid')),
    began: statusOf(process.pid).began,
  };
}

/**
 * Where the process of `place` is, as seen from `own`. One of an earlier start of this machine is
 * gone; so is one of another container of the same name, which is the one that was started again.
 */
export function presenceOf(place: ProcessPlace, own: ProcessPlace): Presence {
  if (place.host !== own.host || place.machine !== own.machine) return 'elsewhere';
  if (place.boot !== own.boot || place.pidNamespace !== own.pidNamespace) return 'gone';
  if (!isAlive(place.pid)) return 'gone';
  const { began, isOver } = statusOf(place.pid);
  const isAnother = place.began !== '' && began !== '' && place.began !== began;
  return isAnother || isOver ? 'gone' : 'here';
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/**
 * Fields 3 and 22 of proc(5) stat, behind a name in brackets that may hold any. One that nobody has
 * waited for is over and still has its number.
 */
function statusOf(pid: number): { readonly began: string; readonly isOver: boolean } {
  const text = textOf(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { began: fields[19] ?? '', isOver: fields[0] === 'Z' || fields[0] === 'X' };
}

function textOf(read: () => string): string {
  try {
    return read().trim();
  } catch {
    return '';
  }
}
