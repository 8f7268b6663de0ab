/**
 * A job with checkpoints that outlives a crash: when a thread of it dies, or a defect ends it, it
 * begins another life at its last checkpoint, in the same process. Owns which failures are worth
 * that, how often and after how long; a life is a processor's, and what it goes on with
 * checkpointing.ts's. Errors of data, of the outside world and of users would come again: they end
 * the job, as does a crash of one that was asked to stop.
 */
import type { Clock } from '../base/clock.js';
import { VeloError } from '../base/errors.js';
import { systemCode } from '../base/system-reason.js';
import type { CheckpointFigures } from '../metrics/checkpoint-figures.js';
import type { JobMetricsForExport } from '../metrics/prometheus.js';
import { noState } from '../processors/job-processor.js';
import type {
  JobMetrics,
  JobProcessor,
  JobResult,
  LifecycleState,
  StopOptions,
} from '../processors/job-processor.js';
import type { JobState } from '../state/checkpoint/job-state.js';
import type { OpenCheckpoints } from './checkpointing.js';
import type { JobCheckpointing, RestartPolicy } from './job-options.js';

const WAIT_MS_MAX = 60_000;

/** What one life of the job is made with. */
export interface JobLife {
  readonly checkpoints: JobCheckpointing;
  readonly durationMs: number | null;
  readonly isFirst: boolean;
}

export interface RestartingJobParts {
  readonly create: (life: JobLife) => JobProcessor;
  readonly checkpoints: OpenCheckpoints;
  readonly policy: RestartPolicy;
  readonly durationMs: number | null;
  readonly clock: Clock;
  readonly notice: (line: string) => void;
}

export class RestartingJob implements JobProcessor {
  private readonly parts: RestartingJobParts;
  private life: JobProcessor;
  private restarts = 0;
  /** Since the last checkpoint. */
  private crashes = 0;
  private checkpointsBefore = 0;
  private isStopping = false;
  private isWaiting = false;
  private wake: (() => void) | null = null;
  private finished: Promise<void> = Promise.resolve();

  constructor(parts: RestartingJobParts) {
    this.parts = parts;
    const { checkpoints, durationMs } = parts;
    this.life = parts.create({ checkpoints, durationMs, isFirst: true });
  }

  async start(): Promise<JobResult> {
    let settle: () => void = () => undefined;
    this.finished = new Promise((resolve) => {
      settle = resolve;
    });
    const startedNs = this.parts.clock.monotonicNs();
    try {
      for (;;) {
        try {
          const result = await this.life.start();
          return { ...result, restarts: this.restarts, checkpoints: this.figures() };
        } catch (error) {
          await this.beginAgain(error, startedNs);
        }
      }
    } finally {
      settle();
    }
  }

  pause(): void {
    this.life.pause();
  }

  resume(): void {
    this.life.resume();
  }

  async stop(options?: StopOptions): Promise<void> {
    this.isStopping = true;
    this.wake?.();
    await this.life.stop(options);
    await this.finished;
  }

  async takeState(): Promise<JobState> {
    if (this.isWaiting) throw noState(this.state);
    return this.life.takeState();
  }

  numberOfPartitions(): number {
    return this.life.numberOfPartitions();
  }

  metrics(): JobMetrics {
    return { ...this.life.metrics(), state: this.state };
  }

  observed(): JobMetricsForExport {
    const { state, restarts } = this;
    return { ...this.life.observed(), state, restarts, checkpoints: this.figures() };
  }

  get state(): LifecycleState {
    return this.isWaiting ? 'restarting' : this.life.state;
  }

  get opened(): boolean {
    return this.isWaiting || this.life.opened;
  }

  get isReleased(): boolean {
    return this.life.isReleased;
  }

  private figures(): CheckpointFigures {
    return this.parts.checkpoints.figures();
  }

  /** Makes the next life, when its time has come; throws `error` where there is to be none. */
  private async beginAgain(error: unknown, startedNs: number): Promise<void> {
    const { checkpoints, policy } = this.parts;
    if (!this.mayRestart(error)) throw error;
    if (checkpoints.written > this.checkpointsBefore) this.crashes = 0;
    this.checkpointsBefore = checkpoints.written;
    if (this.crashes >= policy.attempts) throw error;
    const waitMs = Math.min(WAIT_MS_MAX, policy.delayMs * 2 ** this.crashes);
    this.crashes += 1;
    const often = `restart ${this.crashes} of ${policy.attempts} in ${waitMs / 1000} s`;
    this.parts.notice(`${reasonOf(error)}: ${often}`);
    this.isWaiting = true;
    try {
      await this.wait(waitMs);
      if (this.isStopping) throw error;
      await checkpoints.again();
      const durationMs = this.leftMs(startedNs);
      if (this.isStopping || (durationMs !== null && durationMs <= 0)) throw error;
      this.parts.notice(checkpoints.restored ?? 'there is no checkpoint yet: the job begins anew');
      this.life = this.parts.create({ checkpoints, durationMs, isFirst: false });
      this.restarts += 1;
    } finally {
      this.isWaiting = false;
    }
  }

  private mayRestart(error: unknown): boolean {
    const { opened, isReleased } = this.life;
    // What cannot even begin would not another time; what still writes must not meet itself.
    const couldGoOn = (opened || this.restarts > 0) && isReleased;
    return isCrash(error) && couldGoOn && !this.isStopping;
  }

  private wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private leftMs(startedNs: number): number | null {
    const { durationMs, clock } = this.parts;
    return durationMs === null ? null : durationMs - (clock.monotonicNs() - startedNs) / 1e6;
  }
}

/** The end of a thread, or a defect: not of what the job reads, writes or was told. */
function isCrash(error: unknown): boolean {
  if (!(error instanceof VeloError)) return true;
  return error.key === 'WORKER_DIED' || systemCode(error.cause) === 'ERR_WORKER_OUT_OF_MEMORY';
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof VeloError ? message : `an internal fault ended the job: ${message}`;
}
