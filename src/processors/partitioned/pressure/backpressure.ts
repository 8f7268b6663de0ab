/**
 * How full the way to each partition is, as four tiers. Owns the thresholds, the states (partition,
 * severity, since when) and the count of rises; who measures ring use and latency calls observe(),
 * and throttle.ts says how long a source waits then. Metrics show severities, never compute them.
 */
import { SEVERITIES } from '../../../metrics/partition-metrics.js';
import type { Severity } from '../../../metrics/partition-metrics.js';
import type { PartitionedSettings } from '../job-settings.js';

export type BackpressureSettings = PartitionedSettings['backpressure'];

export interface BackpressureState {
  readonly partition: number;
  readonly severity: Severity;
  /** When the severity became what it is, on the clock that observe() is given; 0 at first. */
  readonly sinceMs: number;
  readonly utilisation: number;
  readonly latencyMs: number;
}

/** Ring use at which these tiers start; a queue threshold above them moves them up to it. */
const CRITICAL_FROM = 0.85;
const SATURATED_FROM = 0.95;
/** Multiples of the latency threshold above which these tiers start. */
const CRITICAL_LATENCY_FACTOR = 2;
const SATURATED_LATENCY_FACTOR = 4;

/** 0 healthy, 1 warning, 2 critical, 3 saturated: the number in PartitionCounter.severity. */
export function severityLevel(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}

export class Backpressure {
  /** Times that a partition's severity rose; a rise over several tiers is one. */
  events = 0;
  private readonly settings: BackpressureSettings;
  private readonly levels: Uint8Array;
  private readonly sincesMs: Float64Array;
  private readonly utilisations: Float64Array;
  private readonly latenciesMs: Float64Array;

  constructor(settings: BackpressureSettings, partitions: number) {
    this.settings = settings;
    this.levels = new Uint8Array(partitions);
    this.sincesMs = new Float64Array(partitions);
    this.utilisations = new Float64Array(partitions);
    this.latenciesMs = new Float64Array(partitions);
  }

  /**
   * Takes what was just measured for a partition: ring use from 0 to 1 and the queue latency in
   * ms. The higher tier of the two counts. Always healthy when switched off.
   */
  observe(partition: number, utilisation: number, latencyMs: number, nowMs: number): Severity {
    this.utilisations[partition] = utilisation;
    this.latenciesMs[partition] = latencyMs;
    const level = this.levelOf(utilisation, latencyMs);
    const before = this.levels[partition] as number;
    if (level !== before) {
      if (level > before) this.events += 1;
      this.levels[partition] = level;
      this.sincesMs[partition] = nowMs;
    }
    return SEVERITIES[level] as Severity;
  }

  /** The level of what was measured, whatever was observed before. */
  levelOf(utilisation: number, latencyMs: number): number {
    if (!this.settings.enabled) return 0;
    return Math.max(this.levelOfUse(utilisation), this.levelOfLatency(latencyMs));
  }

  /** Of one partition, as last observed. */
  severity(partition: number): Severity {
    return SEVERITIES[this.levels[partition] as number] as Severity;
  }

  /** The highest of all partitions: what a source that feeds them all is throttled by. */
  worst(): Severity {
    let highest = 0;
    for (const level of this.levels) highest = Math.max(highest, level);
    return SEVERITIES[highest] as Severity;
  }

  /** Of every partition. */
  states(): readonly BackpressureState[] {
    return Array.from(this.levels, (level, partition) => ({
      partition,
      severity: SEVERITIES[level] as Severity,
      sinceMs: this.sincesMs[partition] as number,
      utilisation: this.utilisations[partition] as number,
      latencyMs: this.latenciesMs[partition] as number,
    }));
  }

  private levelOfUse(utilisation: number): number {
    if (!(utilisation >= this.settings.queueThreshold)) return 0;
    if (utilisation >= SATURATED_FROM) return 3;
    return utilisation >= CRITICAL_FROM ? 2 : 1;
  }

  private levelOfLatency(latencyMs: number): number {
    const { latencyThresholdMs } = this.settings;
    if (latencyMs > SATURATED_LATENCY_FACTOR * latencyThresholdMs) return 3;
    if (latencyMs > CRITICAL_LATENCY_FACTOR * latencyThresholdMs) return 2;
    return latencyMs > latencyThresholdMs ? 1 : 0;
  }
}
