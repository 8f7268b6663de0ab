/**
 * How busy the machine is, for tests that bound how long something takes: a bound holds for a thread
 * that has a core, and is stretched by how long threads wait for one now. Owns that measure.
 */

const SPIN_CPU_MS = 30;

/** `ms` of a thread with a core of its own, as wall-clock time on this machine as busy as it is. */
export function atThisPace(ms: number): number {
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  let cpuMs = 0;
  while (cpuMs < SPIN_CPU_MS) {
    const { user, system } = process.cpuUsage(cpuBefore);
    cpuMs = (user + system) / 1e3;
  }
  const slowdown = (performance.now() - startMs) / cpuMs;
  // One moment says little of the seconds before it: twice what it says, if it says anything.
  return slowdown < 1.3 ? ms : ms * 2 * slowdown;
}
