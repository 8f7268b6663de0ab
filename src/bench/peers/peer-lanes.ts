/**
 * What bench:peers tells its peers, and what it has of each: plain data for the contenders
 * (peers-duckdb.ts, peers-loop.ts) and the table.
 */
import type { Expectation } from '../scenario/expectation-trades.js';
import type { BuiltinId, FixtureOptions, Scenario } from '../scenario/scenario.js';

export interface Work {
  readonly name: string;
  readonly scenario: BuiltinId;
  readonly source: 'generated' | 'file' | 'parquet';
  /** Scenario 2 with EMIT FINAL, which DuckDB can be compared with. */
  readonly final: boolean;
  readonly share: number;
}

/** Records per second, by contender and round; `out`: rows out per second. */
export interface PeerRates {
  readonly v1: number[];
  readonly v2: number[];
  readonly v1Out: number[];
  readonly v2Out: number[];
  readonly duckdb: number[];
  readonly duckdbOnTwo: number[];
  readonly loop: number[];
}

export interface PeerLane {
  readonly work: Work;
  readonly records: number;
  readonly rates: PeerRates;
  readonly faults: string[];
}

export interface PeerContext {
  readonly work: Work;
  readonly scenario: Scenario;
  readonly fixture: FixtureOptions;
  /** The fixture as JSON lines or Parquet, for works on files. */
  readonly path: string | null;
  /** What must come out, from the definitions. */
  readonly expected: Expectation;
}
