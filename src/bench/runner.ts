/**
 * Runs benchmarks: every trial in its own process, the lanes taking turns over the runs, so that a
 * machine that drifts drifts for all of them. Owns the schedule; lanes are trial-lanes.ts, what their
 * outcomes come to is results.ts, drawing is report.ts.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineName } from './bench-engine.js';
import { makeLanes } from './trial-lanes.js';
import type { BenchOptions, Lane } from './trial-lanes.js';
import { scenarioResults } from './results.js';
import type { BenchResult } from './results.js';
import { runTrial } from './trial-process.js';
import type { TrialOutcome, TrialTask } from './trial.js';

interface LaneRuns {
  readonly lane: Lane;
  readonly outcomes: TrialOutcome[];
}

export interface BenchRun {
  /** Of the lanes that were run at least once. */
  readonly results: readonly BenchResult[];
  /** Runs that were taken, and that were asked for. */
  readonly runs: number;
  readonly runsAsked: number;
}

/**
 * `cores` of the machine: worker counts above them are marked. When `options.signal` is aborted, what
 * has been measured by then is the result.
 */
export async function runBench(options: BenchOptions, cores: number): Promise<BenchRun> {
  const folder = await mkdtemp(join(tmpdir(), 'velo-bench-'));
  const scenarios: LaneRuns[][] = [];
  try {
    for (const scenario of options.scenarios) {
      const lanes = await makeLanes(scenario, options, folder);
      scenarios.push(lanes.map((lane) => ({ lane, outcomes: [] })));
    }
    await runLanes(scenarios, options);
  } catch (error) {
    if (!options.signal.aborted) throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const measured = scenarios.map((lanes) => lanes.filter(({ outcomes }) => outcomes.length > 0));
  return {
    results: measured.flatMap((lanes) => scenarioResults(lanes, options, cores)),
    runs: scenarios.flat().reduce((sum, { outcomes }) => sum + outcomes.length, 0),
    runsAsked: scenarios.flat().length * options.runs,
  };
}

async function runLanes(scenarios: readonly LaneRuns[][], options: BenchOptions): Promise<void> {
  for (let run = 0; run < options.runs; run += 1) {
    // Every second run goes backwards: what comes later gains or loses nothing by it.
    for (const lanes of scenarios) {
      for (const one of run % 2 === 0 ? lanes : lanes.toReversed()) {
        const { scenario, engine, task } = one.lane;
        options.onProgress(
          `scenario ${scenario.id}, ${engineName(engine)}, run ${run + 1} of ${options.runs}`,
        );
        one.outcomes.push(await runObserved(task, options));
      }
    }
  }
}

/** V1 has one partition: its progress line says as much as a table. */
function runObserved(
  task: TrialTask,
  { onObserved: show, signal }: BenchOptions,
): Promise<TrialOutcome> {
  if (show === null || task.partitioned === null) return runTrial(task, { signal });
  return runTrial({ ...task, observed: true }, { show, signal });
}
