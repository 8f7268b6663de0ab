/**
 * What `velo bench` and `velo bench compare` run: the scenarios that --scenario names, and the user's
 * own files, compiled once to see that they can be run again and again. Owns their settings; how a
 * trial runs them is bench/.
 */
import { environmentVariable } from '../base/environment-variable.js';
import type { BenchEngine } from '../bench/bench-engine.js';
import { ownQuery, ownVariables } from '../bench/scenario/own-query.js';
import { fixtureVariables, ownScenarioOf, selectScenarios } from '../bench/scenario/scenario.js';
import type { Scenario } from '../bench/scenario/scenario.js';
import { fixtureOf } from '../bench/trial-lanes.js';
import { fileLayers } from './configuration/configuration-layers.js';
import { enginesOf } from './flags/bench-flags.js';
import type { LaneFlags } from './flags/bench-flags.js';
import { isSqlArgument } from './options.js';
import { compileScript } from './script-file.js';
import type { Terminal } from './terminal/terminal.js';

export interface BenchScenarios {
  readonly scenarios: readonly Scenario[];
  /** Of those that do not choose their own. */
  readonly engines: readonly BenchEngine[];
}

/** Throws SqlFaults with every fault of a file, ConfigError for one that cannot be measured. */
export async function benchScenarios(
  selection: string,
  flags: LaneFlags,
  terminal: Terminal,
): Promise<BenchScenarios> {
  const scenarios: Scenario[] = [];
  const isText = isSqlArgument(selection);
  const chosen = isText
    ? [ownScenarioOf({ id: 'sql', file: selection, text: selection })]
    : selectScenarios(selection);
  for (const scenario of chosen) {
    scenarios.push(
      scenario.builtin === null ? await ownScenario(scenario, flags, terminal) : scenario,
    );
  }
  if (scenarios.every(({ engines }) => engines !== null)) return { scenarios, engines: [] };
  const { engines, notices } = await enginesOf(flags);
  for (const notice of notices) terminal.warn(notice);
  return { scenarios, engines };
}

async function ownScenario(
  scenario: Scenario,
  flags: LaneFlags,
  terminal: Terminal,
): Promise<Scenario> {
  const { records = null, set = new Map<string, string>() } = flags;
  const settings = Object.fromEntries(set);
  const groups = flags.groups === '200' ? 200 : 20;
  const sizes = { groups, stepMs: flags.step, settings } as const;
  const fixture = fixtureVariables(fixtureOf(sizes, records ?? scenario.records));
  const variables = ownVariables(fixture, records);
  const { config } = flags;
  const { source, outer, job } = await compileScript({
    file: scenario.file,
    flags: { set, ...(config === undefined ? {} : { config }) },
    resolve: true,
    compile: { variables: (name) => variables[name] ?? environmentVariable(name) },
  });
  for (const warning of job.plan.warnings) terminal.warn(warning);
  const file = { text: source.text, ...fileLayers(job.script, source) };
  const { engines, notices, onError } = await enginesOf(flags, file);
  for (const notice of notices) terminal.warn(notice);
  const own = await ownQuery(job, { defaults: outer.defaults, onError }, records);
  for (const note of own.notes) terminal.note(note);
  return { ...scenario, text: source.text, own, engines };
}
