/**
 * What a benchmark runs: the five built-in scenarios (SQL files in scenarios/) or the user's own
 * files. Owns their names, default record counts and the variables that size a fixture; what must
 * come out is expectation.ts.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '../../base/errors.js';
import { PACKAGE_ROOT } from '../../base/program-files.js';
import { ownVariables } from './own-query.js';
import type { OwnQuery } from './own-query.js';
import type { BenchEngine } from '../bench-engine.js';

export type BuiltinId = '0' | '1' | '2' | '3a' | '3b';

export interface Scenario {
  /** '0' … '3b', or the file's name. */
  readonly id: string;
  readonly builtin: BuiltinId | null;
  readonly title: string;
  readonly file: string;
  readonly text: string;
  /** Records of a run unless --records says otherwise; sized to take about a second. */
  readonly records: number;
  /** How a user's file is run; null: as scenarios are, without anything of its surroundings. */
  readonly own: OwnQuery | null;
  /** Engines that its own settings ask for; null: those of all lanes. */
  readonly engines: readonly BenchEngine[] | null;
}

/** How the fixture is varied; `{}` is the scenario as scenarios.md defines it. */
export interface FixtureOptions {
  readonly records: number;
  /** 20, or 200 for the wide variant of 2, 3a and 3b. */
  readonly groups: 20 | 200;
  /** Milliseconds between two records' event times: 1, or 1000 for windows that advance. */
  readonly stepMs: number;
  /** emit.changes of scenario 3b. */
  readonly changes: 'snapshot' | 'delta';
}

interface Builtin {
  readonly id: BuiltinId;
  readonly file: string;
  readonly title: string;
  readonly records: number;
}

const BUILTINS: readonly Builtin[] = [
  { id: '0', file: '0-pure-select.sql', title: 'pure SELECT', records: 20_000_000 },
  { id: '1', file: '1-rows-window.sql', title: 'ROWS WINDOW', records: 5_000_000 },
  { id: '2', file: '2-group-by.sql', title: 'GROUP BY', records: 10_000_000 },
  {
    id: '3a',
    file: '3a-tumbling-emit-final.sql',
    title: 'TUMBLING, EMIT FINAL',
    records: 20_000_000,
  },
  {
    id: '3b',
    file: '3b-tumbling-emit-changes.sql',
    title: 'TUMBLING, EMIT CHANGES',
    records: 1_000_000,
  },
];

const TIME_BASE_MS = 1_700_000_000;
/** Base of the variant with one record a second (scenarios.md, "Longer variant"). */
const TIME_BASE_SECONDS_APART_MS = 1_700_000_000_000;

export function timeBaseMs(stepMs: number): number {
  return stepMs === 1 ? TIME_BASE_MS : TIME_BASE_SECONDS_APART_MS;
}

/** `all`, a comma-separated list of ids, or paths of SQL files. */
export function selectScenarios(selection: string): readonly Scenario[] {
  if (selection === 'all') return BUILTINS.map(loadBuiltin);
  if (selection.includes(',') && existsSync(selection)) return [loadFile(selection)];
  return selection.split(',').map((name) => {
    const builtin = BUILTINS.find((candidate) => candidate.id === name.trim());
    return builtin === undefined ? loadFile(name.trim()) : loadBuiltin(builtin);
  });
}

/** A file is one of the user's own once it is compiled. */
const PLAIN = { own: null, engines: null } as const;

function loadBuiltin({ id, file, title, records }: Builtin): Scenario {
  const path = fileURLToPath(new URL(`scenarios/${file}`, PACKAGE_ROOT));
  return {
    id,
    builtin: id,
    title,
    file: path,
    text: readFileSync(path, 'utf8'),
    records,
    ...PLAIN,
  };
}

/** Of a query of the user's own; `file` is what compiles it again. */
export function ownScenarioOf(query: Pick<Scenario, 'id' | 'file' | 'text'>): Scenario {
  return { ...query, builtin: null, title: query.id, records: 1_000_000, ...PLAIN };
}

function loadFile(path: string): Scenario {
  try {
    const text = readFileSync(path, 'utf8');
    return ownScenarioOf({ id: basename(path, '.sql'), file: path, text });
  } catch (error) {
    throw new ConfigError('FLAG_INVALID', {
      message: `no scenario "${path}"`,
      hint: 'name 0, 1, 2, 3a, 3b, all, or a SQL file',
      cause: error,
    });
  }
}

/** The values of the ${VELO_…} variables in the scenario files. */
export function fixtureVariables(options: FixtureOptions): Readonly<Record<string, string>> {
  return {
    VELO_RECORDS: String(options.records),
    VELO_GROUPS: String(options.groups),
    VELO_TIME_BASE: String(timeBaseMs(options.stepMs)),
    VELO_TIME_STEP: String(options.stepMs),
  };
}

/** Those that a trial of the scenario is given; any others come from the environment. */
export function scenarioVariables(
  { own }: Scenario,
  fixture: FixtureOptions,
): Readonly<Record<string, string>> {
  const variables = fixtureVariables(fixture);
  return own === null ? variables : ownVariables(variables, own.records);
}
