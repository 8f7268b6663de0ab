/**
 * A job with checkpoints that has more than one life, in the same process. When a thread of it dies,
 * or a defect ends it, the next life begins at the last checkpoint: owns which failures are worth
 * that, how often and after how long. Errors of data, of the outside world and of users would come
 * again: they end the job, as does a crash of one that was asked to stop. When it is to be cut into
 * other partitions, one life hands its state and its open outputs to the next (recut.ts). A life is a
 * processor's, what it goes on with checkpointing.ts's.
 */
import type { Clock } from '../base/clock.js';
import { VeloError } from '../base/errors.js';
import { systemCode } from '../base/system-reason.js';
import type { CheckpointFigures } from '../metrics/checkpoint-figures.js';
import type { JobMetricsForExport } from '../metrics/prometheus.js';
import type { RecutFigures } from '../metrics/recut-figures.js';
import { noState } from '../processors/job-processor.js';
import type {
  HandedOver,
  JobMetrics,
  JobProcessor,
  JobResult,
  KeptOutputs,
  LifecycleState,
  StopOptions,
} from '../processors/job-processor.js';
import type { JobState } from '../state/checkpoint/job-state.js';
import type { OpenCheckpoints } from './checkpointing.js';
import type { JobCheckpointing, RestartPolicy } from './job-options.js';
import { exportsTogether, metricsTogether, resultsTogether } from './lives-together.js';
import { ownersIn, placementFor, placementText } from './placement.js';
import type { Placement, RescaleRequest } from './placement.js';
import { Rebalancing } from './rebalancing.js';
import type { RebalancePlan, RebalanceRemark } from './rebalancing.js';
import { Recut } from './recut.js';
import type { RebalancedJob, RescaledJob } from './recut.js';

const WAIT_MS_MAX = 60_000;
const LOOK_MS = 100;

/** What one life of the job is made with. */
export interface JobLife {
  readonly checkpoints: JobCheckpointing;
  readonly durationMs: number | null;
  readonly isFirst: boolean;
  /** null: V1. */
  readonly placement: Placement | null;
  /** What the life before it left open; null: nothing. */
  readonly outputs: KeptOutputs | null;
  /** It reads. */
  readonly begun: () => void;
}

export interface RestartingJobParts {
  readonly create: (life: JobLife) => JobProcessor;
  readonly checkpoints: OpenCheckpoints;
  readonly policy: RestartPolicy;
  /** How the first life is cut; null: V1. */
  readonly placement: Placement | null;
  readonly durationMs: number | null;
  readonly clock: Clock;
  readonly notice: (line: string) => void;
  /** It was cut anew. */
  readonly rescaled: (job: RescaledJob) => void;
  /** Whether key groups are moved off a partition that stays hot. */
  readonly rebalance: boolean;
  /** Some were, or that would not help. */
  readonly rebalanced: (job: RebalancedJob | RebalanceRemark) => void;
}

/** Behind a crash. */
interface NextLife {
  readonly waitMs: number;
  readonly startedNs: number;
  readonly begun?: () => void;
}

export class RestartingJob implements JobProcessor {
  private readonly parts: RestartingJobParts;
  private life: JobProcessor;
  private placement: Placement | null;
  /** Since the last crash, each of which handed over to the next. */
  private before: JobResult[] = [];
  /** null: the job is cut as it is. */
  private recut: Recut | null = null;
  private recuts: RecutFigures | null = null;
  /** null: key groups stay where they are. */
  private rebalancing: Rebalancing | null = null;
  private restarts = 0;
  /** Since the last checkpoint. */
  private crashes = 0;
  private checkpointsBefore = 0;
  private isStopping = false;
  /** The life to come begins so, too. */
  private isPaused = false;
  private isWaiting = false;
  private wake: (() => void) | null = null;
  private finished: Promise<void> = Promise.resolve();

  constructor(parts: RestartingJobParts) {
    this.parts = parts;
    const { placement, rebalance } = parts;
    this.placement = placement;
    if (rebalance && placement !== null) {
      this.rebalancing = new Rebalancing(ownersIn(placement), placement.partitions);
    }
    this.life = this.newLife({ durationMs: parts.durationMs, isFirst: true });
  }

  async start(): Promise<JobResult> {
    let settle: () => void = () => undefined;
    this.finished = new Promise((resolve) => {
      settle = resolve;
    });
    const startedNs = this.parts.clock.monotonicNs();
    const timer = this.rebalancing === null ? undefined : setInterval(this.look, LOOK_MS);
    timer?.unref();
    try {
      for (;;) {
        try {
          const result = await this.life.start();
          if (!(await this.goesOn(result, startedNs))) return this.whole(result);
        } catch (error) {
          await this.beginAgain(error, startedNs);
        }
      }
    } finally {
      clearInterval(timer);
      this.recut?.gaveUp(
        new VeloError('JOB_ENDED', { message: 'the job ended before it was cut' }),
      );
      settle();
    }
  }

  pause(): void {
    this.isPaused = true;
    this.life.pause();
  }

  resume(): void {
    this.isPaused = false;
    this.life.resume();
  }

  async stop(options?: StopOptions): Promise<void> {
    // What is drained is the life that goes on.
    if (options?.drain === true) await this.recut?.over;
    this.isStopping = true;
    this.wake?.();
    await this.life.stop(options);
    await this.finished;
  }

  async takeState(): Promise<JobState> {
    await this.recut?.over;
    if (this.isWaiting) throw noState(this.state);
    return this.life.takeState();
  }

  /**
   * Goes on with other partitions or workers; resolves when it reads again, and the state is kept.
   * Rejects with JOB_RESCALE, and then goes on as it was, and with JOB_ENDED.
   */
  async rescale(request: RescaleRequest): Promise<RescaledJob> {
    const from = this.placement;
    const to = placementFor(from, request);
    if (from === null || this.life.handOver === undefined) throw notNow('it runs on V1');
    if (this.recut !== null) throw notNow('it is being cut anew already');
    if (this.isStopping) throw notNow('it is asked to stop');
    const isAtWork = this.life.state === 'running' || this.life.state === 'paused';
    if (this.isWaiting || !isAtWork) throw notNow(`it is ${this.state}`);
    const rescaled = await this.cutAnew(from, to);
    this.count('rescales', rescaled.pauseMs);
    this.parts.rescaled(rescaled);
    return rescaled;
  }

  private async cutAnew(from: Placement, to: Placement): Promise<RescaledJob> {
    const { clock } = this.parts;
    const sinceNs = clock.monotonicNs();
    const handing = this.life.handOver?.() ?? Promise.reject(notNow('it runs on V1'));
    const recut = new Recut(from, to, handing);
    this.recut = recut;
    try {
      return await recut.done(() => (clock.monotonicNs() - sinceNs) / 1e6);
    } finally {
      this.recut = null;
      recut.settled();
    }
  }

  async keepState(): Promise<void> {
    await this.recut?.over;
    if (this.isWaiting) throw noState(this.state);
    await this.life.keepState();
  }

  private count(what: 'rescales' | 'rebalances', lastPauseMs: number): void {
    const { rescales = 0, rebalances = 0 } = this.recuts ?? {};
    const counts = { rescales, rebalances };
    counts[what] += 1;
    this.recuts = { ...counts, lastPauseMs };
  }

  /** Ten times a second; whether a second has gone by for the rule is the clock's to say. */
  private readonly look = (): void => {
    const { rebalancing, placement, recut, life } = this;
    const isAtWork = life.state === 'running' && recut === null && !this.isWaiting;
    if (rebalancing === null || placement === null || !isAtWork || this.isStopping) return;
    const nowNs = this.parts.clock.monotonicNs();
    const found = rebalancing.observe(nowNs, () => life.keyGroupLoad?.() ?? new Float64Array(0));
    if (found?.kind === 'remark') this.parts.rebalanced(found);
    if (found?.kind === 'plan') void this.rebalance(found, placement);
  };

  private async rebalance(plan: RebalancePlan, from: Placement): Promise<void> {
    const { owners } = plan;
    try {
      const cut = await this.cutAnew(from, { ...from, owners });
      this.count('rebalances', cut.pauseMs);
      this.parts.rebalanced({ ...plan, cut });
    } catch (error) {
      if (this.isStopping || !(error instanceof VeloError) || error.key !== 'JOB_RESCALE') return;
      // It would be refused again.
      this.rebalancing = null;
      this.parts.notice(`no key groups are moved: ${error.message}`);
    }
  }

  numberOfPartitions(): number {
    return this.life.numberOfPartitions();
  }

  /** 1 on V1. */
  get workers(): number {
    return this.placement?.workers ?? 1;
  }

  metrics(): JobMetrics {
    return { ...metricsTogether(this.before, this.life.metrics()), state: this.state };
  }

  observed(): JobMetricsForExport {
    const { state, restarts, recuts } = this;
    const { queries, ...observed } = this.life.observed();
    const together = exportsTogether(this.before, queries);
    const checkpoints = this.figures();
    return { ...observed, queries: together, state, restarts, checkpoints, recuts };
  }

  get state(): LifecycleState {
    return this.isWaiting || this.recut !== null ? 'restarting' : this.life.state;
  }

  get opened(): boolean {
    return this.isWaiting || this.recut !== null || this.life.opened;
  }

  get isReleased(): boolean {
    return this.life.isReleased;
  }

  private figures(): CheckpointFigures {
    return this.parts.checkpoints.figures();
  }

  private whole(result: JobResult): JobResult {
    const { restarts, recuts } = this;
    return {
      ...resultsTogether(this.before, result),
      restarts,
      checkpoints: this.figures(),
      recuts,
    };
  }

  private newLife(life: Pick<JobLife, 'durationMs' | 'isFirst'> & Partial<JobLife>): JobProcessor {
    const { checkpoints, create } = this.parts;
    const { placement } = this;
    checkpoints.partitions = placement?.partitions ?? 1;
    if (placement !== null) this.rebalancing?.lifeBegins(ownersIn(placement), placement.partitions);
    return create({ outputs: null, begun: () => undefined, placement, checkpoints, ...life });
  }

  /** Makes the next life where the one that ended has handed over to it. */
  private async goesOn(result: JobResult, startedNs: number): Promise<boolean> {
    const { recut, parts } = this;
    const handed = await recut?.handing.catch(() => null);
    if (recut === null || handed == null) return false;
    const { checkpoints } = parts;
    recut.kept = checkpoints.handedOver(handed.state);
    const durationMs = this.leftMs(startedNs);
    if (this.isStopping || (durationMs !== null && durationMs <= 0)) {
      recut.gaveUp(new VeloError('JOB_ENDED', { message: 'the job is asked to stop' }));
      await recut.kept;
      await closeOutputs(handed);
      return false;
    }
    const { outputs } = handed;
    this.placement = recut.to;
    const begun = (): void => {
      if (this.isPaused) this.life.pause();
      recut.reads();
    };
    this.life = this.newLife({ durationMs, isFirst: false, outputs, begun });
    recut.isBetween = true;
    this.before.push(result);
    return true;
  }

  /** Makes the next life, when its time has come; throws `error` where there is to be none. */
  private async beginAgain(error: unknown, startedNs: number): Promise<void> {
    const { checkpoints, policy, notice } = this.parts;
    const { recut } = this;
    const gaveUp = (): void => recut?.gaveUp(notNow(reasonOf(error)));
    if (recut?.isBetween === true && this.life.isReleased && !this.isStopping) {
      recut.isBetween = false;
      this.placement = recut.from;
      notice(`${reasonOf(error)}: the job goes on with ${placementText(recut.from)}`);
      await this.liveAgain(error, { waitMs: 0, startedNs, begun: gaveUp });
      return;
    }
    gaveUp();
    if (!this.mayRestart(error)) throw error;
    if (checkpoints.written > this.checkpointsBefore) this.crashes = 0;
    this.checkpointsBefore = checkpoints.written;
    if (this.crashes >= policy.attempts) throw error;
    const waitMs = Math.min(WAIT_MS_MAX, policy.delayMs * 2 ** this.crashes);
    this.crashes += 1;
    const often = `restart ${this.crashes} of ${policy.attempts} in ${waitMs / 1000} s`;
    notice(`${reasonOf(error)}: ${often}`);
    await this.liveAgain(error, { waitMs, startedNs });
  }

  /** At the last checkpoint; throws `error` where the job is to end meanwhile. */
  private async liveAgain(
    error: unknown,
    { waitMs, startedNs, begun = () => undefined }: NextLife,
  ): Promise<void> {
    const { checkpoints, notice } = this.parts;
    this.isWaiting = true;
    try {
      await this.wait(waitMs);
      if (this.isStopping) throw error;
      await checkpoints.again();
      const durationMs = this.leftMs(startedNs);
      if (this.isStopping || (durationMs !== null && durationMs <= 0)) throw error;
      notice(checkpoints.restored ?? 'there is no checkpoint yet: the job begins anew');
      this.life = this.newLife({ durationMs, isFirst: false, begun });
      this.before = [];
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

function notNow(why: string): VeloError {
  return new VeloError('JOB_RESCALE', { message: `the job cannot be cut anew: ${why}` });
}

/** Outputs that no life goes on with. */
async function closeOutputs({ outputs: { sinks, letters } }: HandedOver): Promise<void> {
  for (const sink of sinks.values()) await sink.close();
  await letters?.close();
}
