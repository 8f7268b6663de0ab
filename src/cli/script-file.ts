/**
 * The SQL file of a command: read, its secrets learnt, its settings looked up around it, compiled.
 * Owns what run, check, explain, test and config do alike; what they do then is theirs.
 */
import { environmentVariable } from '../base/environment-variable.js';
import type { SourceText } from '../base/errors.js';
import { learnSecretsOf, learnSetting } from '../base/redact.js';
import { compileJob } from '../job.js';
import type { CompiledJob, CompileOptions } from '../job.js';
import { readOuterLayers } from './configuration/configuration.js';
import type { OuterLayers } from './configuration/configuration.js';
import { readSqlText } from './options.js';

export interface ScriptRequest extends CompileRequest {
  readonly file: string | undefined;
  /** -e: the text itself. */
  readonly execute?: string | undefined;
}

export interface CompileRequest {
  readonly flags: Parameters<typeof readOuterLayers>[0] & {
    readonly set?: ReadonlyMap<string, string> | undefined;
  };
  /** false: no network, and no variable of the environment in an address. */
  readonly resolve: boolean;
  readonly compile?: Partial<CompileOptions>;
}

export interface CompiledScript {
  readonly source: SourceText;
  readonly outer: OuterLayers;
  readonly job: CompiledJob;
}

/** Throws SqlFaults with every fault of the file, ConfigError for settings and files. */
export async function compileScript(request: ScriptRequest): Promise<CompiledScript> {
  return compileSource(await readSqlText(request.file, request.execute), request);
}

/** As compileScript, for a text that is at hand. */
export async function compileSource(
  source: SourceText,
  request: CompileRequest,
): Promise<CompiledScript> {
  const { flags } = request;
  learnSecretsOf(source.text);
  for (const value of Object.values(flags)) {
    if (typeof value === 'string') learnSecretsOf(value);
    if (value instanceof Map) for (const [key, text] of value) learnSetting(key, String(text));
  }
  for (const [name, value = ''] of Object.entries(process.env)) {
    if (name.startsWith('VELO_')) learnSecretsOf(value);
  }
  const outer = await readOuterLayers(flags, source.text);
  const job = await compileJob({
    source,
    variables: environmentVariable,
    settings: Object.fromEntries(flags.set ?? []),
    defaults: outer.defaults,
    changelog: false,
    redirects: new Map(),
    limit: null,
    resolve: request.resolve,
    needsQuery: true,
    ...request.compile,
  });
  return { source, outer, job };
}
