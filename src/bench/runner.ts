/**
 * Runs benchmarks: every trial in its own process, the lanes taking turns over the runs, so that a
 * machine that drifts drifts for all of them. Owns the schedule; lanes are lanes.ts, what their
 * outcomes come to is results.ts, drawing is report.ts.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineName, makeLanes } from './lanes.js';
import type { BenchOptions, Lane } from './lanes.js';
import { scenarioResults } from './results.js';
import type { BenchResult } from './results.js';
import { runTrial } from './trial-process.js';
import type { TrialOutcome, TrialTask } from './trial.js';

interface LaneRuns {
  readonly lane: Lane;
  readonly outcomes: TrialOutcome[];
}

/** `cores` of the machine: worker counts above them are marked. */
export async function runBench(
  options: BenchOptions,
  cores: number,
): Promise<readonly BenchResult[]> {
  const folder = await mkdtemp(join(tmpdir(), 'velo-bench-'));
  try {
    const scenarios: LaneRuns[][] = [];
    for (const scenario of options.scenarios) {
      const lanes = await makeLanes(scenario, options, folder);
      scenarios.push(lanes.map((lane) => ({ lane, outcomes: [] })));
    }
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
    return scenarios.flatMap((lanes) => scenarioResults(lanes, options, cores));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** V1 has one partition: its progress line says as much as a table. */
function runObserved(task: TrialTask, { onObserved }: BenchOptions): Promise<TrialOutcome> {
  if (onObserved === null || task.partitioned === null) return runTrial(task);
  return runTrial({ ...task, observed: true }, undefined, onObserved);
}
