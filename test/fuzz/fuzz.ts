/**
 * What the fuzzers of this folder share: where their numbers come from, how many inputs they try,
 * what is said when one fails, and the log of a campaign. Owns no input and no judgement.
 *
 *   VELO_FUZZ_SEED     the seed; each input has numbers of its own, made of the seed and its number
 *   VELO_FUZZ          inputs of each fuzzer, in place of its sample
 *   VELO_FUZZ_MINUTES  for so long in place of a number, all fuzzers of a file together
 *   VELO_FUZZ_FIRST    number of the first input: a campaign in pieces, or one input again
 *   VELO_FUZZ_LOG      a file that gets the outcome appended
 *
 * An input may be run in several configurations: each is a run, counted by the word for its outcome.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Random } from '../oracle/random-data.js';

export { Random } from '../oracle/random-data.js';

export const SEED = numberOf('VELO_FUZZ_SEED') ?? 20_261_129;
export const LOG = process.env['VELO_FUZZ_LOG'];
export const FIRST = numberOf('VELO_FUZZ_FIRST') ?? 0;
const INPUTS = numberOf('VELO_FUZZ');
const MINUTES = numberOf('VELO_FUZZ_MINUTES');
/** A file's tests are known before the first of them runs. */
let fuzzersOfFile = 0;
/** A campaign goes on behind a failure, but not for ever. */
const FAILURES_MAX = 10;
const FRAMES_MAX = 8;
const MINUTE_MS = 60_000;

function numberOf(name: string): number | null {
  const text = process.env[name];
  if (text === undefined) return null;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`${name} is no number: ${text}`);
  return value;
}

/** One input of a fuzzer, told apart by its number. */
export interface FuzzInput {
  readonly number: number;
  readonly random: Random;
  /** A seed for a generator that has numbers of its own. */
  readonly seed: number;
  /** What is printed when this input fails; the last word counts. */
  shows(text: string): void;
  /** One run, or `runs` of them, and what became of it. */
  counts(outcome: string, runs?: number): void;
}

export interface Fuzzer {
  /** The test file below test/fuzz, without its ending. */
  readonly file: string;
  readonly name: string;
  /** Inputs of a sample: what runs when nobody asks for more. */
  readonly sample: number;
  /** Processor time that one input may take, of all threads; absent: no limit of its own. */
  readonly cpuMsMax?: number;
  /** Inputs that are under way together. */
  readonly atOnce?: number;
  /** Throws when something is wrong. */
  readonly run: (input: FuzzInput) => void | Promise<void>;
}

/** How many inputs a fuzzer with this sample is asked for. */
export function inputsOf(sample: number): number {
  return INPUTS ?? sample;
}

export function seedOf(number: number, seed = SEED): number {
  let mixed = Math.imul(seed ^ (seed >>> 16), 0x7feb352d) ^ Math.imul(number + 1, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

class Campaign {
  readonly outcomes = new Map<string, number>();
  readonly failures: string[] = [];
  inputs = 0;
  readonly slowest = { number: FIRST, cpuMs: 0 };
  private readonly fuzzer: Fuzzer;
  private readonly endMs: number;
  private readonly startCpuMs = cpuMs();
  /** Of the sources as they were loaded: another may be there by the end. */
  private readonly commit = LOG === undefined ? '' : commit();

  constructor(fuzzer: Fuzzer) {
    this.fuzzer = fuzzer;
    this.endMs = performance.now() + ((MINUTES ?? 0) * MINUTE_MS) / Math.max(1, fuzzersOfFile);
  }

  async run(): Promise<void> {
    const worker = async (): Promise<void> => {
      while (this.goesOn()) {
        const number = FIRST + this.inputs;
        this.inputs += 1;
        await this.one(number);
      }
    };
    await Promise.all(Array.from({ length: this.fuzzer.atOnce ?? 1 }, worker));
  }

  private goesOn(): boolean {
    if (this.failures.length >= FAILURES_MAX) return false;
    if (MINUTES !== null && INPUTS === null) return performance.now() < this.endMs;
    return this.inputs < inputsOf(this.fuzzer.sample);
  }

  private async one(number: number): Promise<void> {
    let shown = '';
    const seed = seedOf(number);
    const startedMs = cpuMs();
    try {
      const made = this.fuzzer.run({
        number,
        seed,
        random: new Random(seed),
        shows: (text) => {
          shown = text;
        },
        counts: (outcome, runs = 1) => {
          this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + runs);
        },
      });
      // Most inputs are over at once: a turn of the queue for each would cost more than some.
      if (made !== undefined) await made;
      this.timed(number, cpuMs() - startedMs);
    } catch (error) {
      this.failures.push(`${this.repeat(number)}\n${shown}\n${whyOf(error)}`);
    }
  }

  private timed(number: number, ms: number): void {
    if (ms > this.slowest.cpuMs) Object.assign(this.slowest, { number, cpuMs: ms });
    const { cpuMsMax, atOnce = 1 } = this.fuzzer;
    if (cpuMsMax === undefined || atOnce > 1 || ms <= cpuMsMax) return;
    throw new Error(`${Math.round(ms)} ms of processor time, of ${cpuMsMax} that it may take`);
  }

  /** The line that runs this input again. */
  private repeat(number: number): string {
    const { file, name } = this.fuzzer;
    const settings = `VELO_FUZZ_SEED=${SEED} VELO_FUZZ_FIRST=${number} VELO_FUZZ=1`;
    return `${settings} npx vitest run test/fuzz/${file}.test.ts -t '${name}'`;
  }

  log(): void {
    if (LOG === undefined) return;
    const { file, name } = this.fuzzer;
    const runs = [...this.outcomes.values()].reduce((sum, count) => sum + count, 0);
    const last = FIRST + this.inputs;
    const settings = `VELO_FUZZ_SEED=${SEED} VELO_FUZZ_FIRST=${FIRST} VELO_FUZZ=${this.inputs}`;
    const cpuSeconds = ((cpuMs() - this.startCpuMs) / 1000).toFixed(1);
    const outcomes = [...this.outcomes].sort((a, b) => b[1] - a[1]);
    const lines = [
      `$ ${settings} npx vitest run test/fuzz/${file}.test.ts -t '${name}'`,
      `commit ${this.commit}, seed ${SEED}, inputs ${FIRST} to ${last - 1}: ` +
        `${runs} runs, ${this.failures.length} failures, ${cpuSeconds} s of processor time, ` +
        `slowest input ${this.slowest.number} with ${Math.round(this.slowest.cpuMs)} ms`,
      ...outcomes.map(([outcome, count]) => `  ${String(count).padStart(9)}  ${outcome}`),
      ...this.failures.map((failure) => `  FAILURE ${failure}`),
    ];
    appendFileSync(LOG, `${lines.join('\n')}\n\n`);
  }
}

/** The error and where it came from, short of the fuzzer's own frames. */
function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const frames = (error.stack ?? '').split('\n').filter((line) => /^ +at .*:\d+:\d+/.test(line));
  const own = frames.findIndex((line) => line.includes('/fuzz/fuzz.ts'));
  const places = frames.slice(0, own < 0 ? FRAMES_MAX : Math.min(own, FRAMES_MAX));
  const shown = places.map((line) => line.replace(/^ +at /, '  in '));
  const cause = error.cause instanceof Error ? [`because of ${whyOf(error.cause)}`] : [];
  return [`${error.name}: ${error.message}`, ...shown, ...cause].join('\n');
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function commit(): string {
  return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
}

/** A test that tries the inputs of a fuzzer; what failed is shown with the line that repeats it. */
export function fuzz(fuzzer: Fuzzer): void {
  fuzzersOfFile += 1;
  const inputs = inputsOf(fuzzer.sample);
  const limitMs = 240_000 + inputs * 5_000 + (MINUTES ?? 0) * MINUTE_MS * 2;
  test(`${fuzzer.name} (seed ${SEED})`, { timeout: Math.min(limitMs, 2 ** 31 - 1) }, async () => {
    const campaign = new Campaign(fuzzer);
    await campaign.run();
    campaign.log();
    if (campaign.failures.length > 0) expect.fail(campaign.failures.join('\n\n'));
    expect(campaign.outcomes.size).toBeGreaterThan(0);
  });
}
