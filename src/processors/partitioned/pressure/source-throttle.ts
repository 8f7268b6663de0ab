/**
 * Backpressure as one worker sees and obeys it: observes the rings that lead to its partitions,
 * publishes their severity, and says how long the next turn should wait for the slowest partition
 * of all workers. Owns no threshold (backpressure.ts) and no delay (throttle.ts).
 */
import type { PartitionCells } from '../../../metrics/partition-metrics.js';
import { PartitionCounter, SEVERITIES, WorkerCounter } from '../../../metrics/partition-metrics.js';
import { Backpressure, severityLevel } from './backpressure.js';
import type { PartitionedSettings } from '../job-settings.js';
import { throttleDelayMs } from './throttle.js';
import { ownerOf } from '../exchange/topology.js';

/** Smaller changes of a ring's use are not shown: this is called after every block. */
const STEP = 1 / 64;

export class SourceThrottle {
  private readonly settings: PartitionedSettings;
  private readonly cells: PartitionCells;
  private readonly worker: number;
  private readonly backpressure: Backpressure;
  private eventsSeen = 0;
  private levelShown = 0;
  private utilisationShown = 0;

  constructor(settings: PartitionedSettings, cells: PartitionCells, worker: number) {
    this.settings = settings;
    this.cells = cells;
    this.worker = worker;
    this.backpressure = new Backpressure(settings.backpressure, settings.partitions);
  }

  /** What was measured of the way to this worker's partitions. */
  observe(
    partitions: readonly number[],
    measured: { readonly utilisation: number; readonly latencyMs: number; readonly nowMs: number },
  ): void {
    const { backpressure, cells, worker } = this;
    const { utilisation, latencyMs, nowMs } = measured;
    const level = backpressure.levelOf(utilisation, latencyMs);
    const shown = this.utilisationShown;
    const isShown = utilisation === 0 ? shown === 0 : Math.abs(utilisation - shown) < STEP;
    if (level === this.levelShown && isShown) return;
    this.levelShown = level;
    this.utilisationShown = utilisation;
    for (const partition of partitions) {
      const severity = backpressure.observe(partition, utilisation, latencyMs, nowMs);
      cells.set(worker, partition, PartitionCounter.utilisation, utilisation);
      cells.set(worker, partition, PartitionCounter.severity, severityLevel(severity));
    }
    if (backpressure.events === this.eventsSeen) return;
    cells.addWorker(
      worker,
      WorkerCounter.backpressureEvents,
      backpressure.events - this.eventsSeen,
    );
    this.eventsSeen = backpressure.events;
  }

  /** How long a turn should wait, in ms: 0 while every partition keeps up. */
  delayMs(): number {
    const { partitions, workers, backpressure, throttle } = this.settings;
    if (!backpressure.enabled) return 0;
    let worst = 0;
    for (let partition = 0; partition < partitions; partition += 1) {
      const owner = ownerOf(partition, workers);
      worst = Math.max(worst, this.cells.get(owner, partition, PartitionCounter.severity));
    }
    return throttleDelayMs(SEVERITIES[worst] ?? 'saturated', throttle);
  }
}
