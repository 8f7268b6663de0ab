/**
 * A query as fragments, driven on one thread: every source fragment in several copies that take
 * blocks at random, an exchange that routes rows by selection, an instance of each stateful
 * fragment per partition. The reference is the whole pipeline over the same blocks.
 */
import type { Batch } from '../../src/columnar/batch.js';
import type { SqlValue } from '../../src/columnar/types.js';
import type { ExchangeEdge, FragmentPlan } from '../../src/plan/fragments/fragments.js';
import { planFragments } from '../../src/plan/fragments/fragments.js';
import type { QueryPlan, ScanNode } from '../../src/plan/pipeline/pipeline-plan.js';
import { EdgeWatermark } from '../../src/runtime/edge-watermark.js';
import type { Output } from '../../src/runtime/operator-output.js';
import { PartialAggregate } from '../../src/runtime/partial-aggregate.js';
import { buildPipeline } from '../../src/runtime/pipeline.js';
import type { ExchangePort, PipelineEnvironment, ScanPort } from '../../src/runtime/pipeline.js';
import { MinimumWatermark } from '../../src/runtime/split-watermarks.js';
import { GroupedStateFactory } from '../../src/state/groups/grouped-state-factory.js';
import type { GroupedState } from '../../src/state/groups/grouped-state.js';
import { PrefixChain, routed } from './exchange-support.js';
import { batchOf, RecordingContext } from './stream-support.js';

export type Values = Readonly<Record<string, number | string | null>>;

/** Records of one split of one table, read together. */
export interface TableBlock {
  readonly table: string;
  readonly split: number;
  readonly rows: readonly Values[];
}

export interface FragmentInput {
  readonly blocks: readonly TableBlock[];
  readonly splits: readonly number[];
}

export interface FragmentOptions {
  readonly workers: number;
  readonly partitions: number;
  readonly random: () => number;
}

const KEY_GROUPS = 1024;

export function batchFor(scan: ScanNode, { split, rows }: TableBlock): Batch {
  const batch = batchOf(scan.schema.map(({ name }) => rows.map((row) => row[name] ?? null)));
  batch.header.split = split;
  return batch;
}

function environment(context: RecordingContext, sink: Output): PipelineEnvironment {
  const { errors, late, counters, limitReached } = context;
  return { sink, errors, late, counters, limitReached };
}

export function newContext(query: QueryPlan): RecordingContext {
  return new RecordingContext(query.root.schema.map(({ type }) => type));
}

export function sortedRows(contexts: readonly RecordingContext[]): string[] {
  const textOf = (row: readonly SqlValue[], op: number): string =>
    `${op} ${row.map(String).join()}`;
  return contexts.flatMap(({ rows, ops }) => rows.map((row, at) => textOf(row, ops[at]!))).sort();
}

export function runWholeQuery(query: QueryPlan, input: FragmentInput): RecordingContext {
  const context = newContext(query);
  const { scans } = buildPipeline(query.root, environment(context, context.output));
  for (const port of scans) port.setSplits(input.splits);
  for (const block of input.blocks) {
    for (const port of scans) {
      if (port.node.table.name === block.table) port.process(batchFor(port.node, block));
    }
  }
  for (const port of scans) {
    for (const split of input.splits) port.splitEnded(split);
    port.end(true);
  }
  return context;
}

/** One edge: where its rows, partial groups and watermarks go. */
class Edge {
  readonly ports: ExchangePort[] = [];
  readonly watermark: EdgeWatermark;
  private readonly minimum: MinimumWatermark;
  private readonly keys: GroupedState;
  private readonly plan: ExchangeEdge;
  private blocks = 0;

  constructor(plan: ExchangeEdge, partitions: number) {
    this.plan = plan;
    this.minimum = new MinimumWatermark(partitions);
    const boundMs = plan.watermark?.boundMs ?? 0;
    this.watermark = new EdgeWatermark({ boundMs, flush: plan.flush });
    this.keys = new GroupedStateFactory({
      id: 'router',
      inputTypes: plan.schema.map(({ type }) => type),
      keys: plan.routing.kind === 'hash' ? plan.routing.keys : [],
      aggregates: [],
      windowColumns: false,
    }).create();
  }

  get partitions(): number {
    return this.ports.length;
  }

  readonly partitionOf = (keyGroup: number): number =>
    Math.floor((keyGroup * this.partitions) / KEY_GROUPS);

  send(batch: Batch): void {
    const { routing } = this.plan;
    this.blocks += 1;
    if (routing.kind === 'hash') {
      routed(batch, this.keys, this.partitionOf, this.partitions, (partition, part) => {
        this.ports[partition]?.process(part);
      });
      return;
    }
    const partition =
      routing.kind === 'turn' ? this.blocks : routing.kind === 'split' ? batch.header.split : 0;
    this.ports[partition % this.partitions]?.process(batch);
  }

  announce(watermarkMs: number): void {
    for (const port of this.ports) port.watermark(watermarkMs);
  }

  /** An instance of a fragment below this edge of level 2 has come so far. */
  advance(partition: number, watermarkMs: number): void {
    if (this.minimum.update(partition, watermarkMs)) this.announce(this.minimum.current());
  }
}

/** Runs the query as fragments; the contexts of its workers and instances, sinks included. */
export function runFragments(
  query: QueryPlan,
  input: FragmentInput,
  options: FragmentOptions,
): RecordingContext[] {
  const plan = planFragments(query, { strategy: null });
  const contexts: RecordingContext[] = [];
  const edges = plan.edges.map((edge) => new Edge(edge, options.partitions));
  buildInstances(query, plan, edges, options, contexts);
  for (const edge of edges) edge.watermark.setSplits(input.splits);
  const sources = plan.sources.map(
    (_, at) => new SourceCopies(query, plan, at, edges, options, contexts),
  );
  for (const block of input.blocks) for (const source of sources) source.take(block);
  for (const source of sources) source.end(input.splits);
  for (const edge of edges.filter((_, at) => plan.edges[at]?.level === 2)) {
    for (const port of edge.ports) port.end(true);
  }
  return contexts;
}

function buildInstances(
  query: QueryPlan,
  plan: FragmentPlan,
  edges: readonly Edge[],
  { partitions }: FragmentOptions,
  contexts: RecordingContext[],
): void {
  for (const fragment of plan.fragments) {
    const instances = fragment.parallel ? partitions : 1;
    for (let partition = 0; partition < instances; partition += 1) {
      const context = newContext(query);
      contexts.push(context);
      const next = fragment.target === null ? null : (edges[fragment.target] as Edge);
      const sink: Output =
        next === null
          ? context.output
          : {
              emit: (batch) => next.send(batch),
              watermark: (watermarkMs) => next.advance(partition, watermarkMs),
            };
      const built = buildPipeline(fragment.root, environment(context, sink), {
        everyRowWatermark: plan.everyRowWatermark,
      });
      for (const port of built.exchanges) edges[port.edge]?.ports.push(port);
    }
  }
}

/** The copies of one source fragment, one per worker, in front of their edge. */
class SourceCopies {
  private readonly scan: ScanNode;
  private readonly edge: Edge | null;
  private readonly ports: ScanPort[] = [];
  private readonly partials: PartialAggregate[] = [];
  private readonly random: () => number;

  constructor(
    query: QueryPlan,
    plan: FragmentPlan,
    at: number,
    edges: readonly Edge[],
    { workers, random }: FragmentOptions,
    contexts: RecordingContext[],
  ) {
    const source = plan.sources[at]!;
    this.scan = source.scan;
    this.edge = source.edge === null ? null : (edges[source.edge] as Edge);
    this.random = random;
    const partial = source.edge === null ? null : plan.edges[source.edge]!.partial;
    const prefix = new PrefixChain();
    for (let worker = 0; worker < workers; worker += 1) {
      const context = newContext(query);
      contexts.push(context);
      const { edge } = this;
      if (edge !== null && partial !== null) {
        const { partitionOf, partitions } = edge;
        this.partials.push(new PartialAggregate(partial, context, partitionOf, partitions));
      }
      const sink = edge === null ? context.output : this.output(edge, worker);
      const { everyRowWatermark } = plan;
      const built = buildPipeline(source.root, environment(context, sink), {
        everyRowWatermark,
        prefix,
      });
      this.ports.push(...built.scans);
    }
  }

  take(block: TableBlock): void {
    if (block.table !== this.scan.table.name) return;
    const port = this.ports[Math.floor(this.random() * this.ports.length)];
    port?.process(batchFor(this.scan, block));
    const { edge } = this;
    if (edge === null) return;
    const watermarkMs = edge.watermark.current();
    this.ship(watermarkMs, false);
    edge.announce(watermarkMs);
  }

  end(splits: readonly number[]): void {
    for (const port of this.ports) port.end(true);
    const { edge } = this;
    if (edge === null) return;
    for (const split of splits) edge.watermark.splitEnded(split);
    this.ship(Number.POSITIVE_INFINITY, true);
    edge.announce(edge.watermark.current());
    for (const port of edge.ports) port.end(true);
  }

  private output(edge: Edge, worker: number): Output {
    return {
      emit: (batch) => {
        edge.watermark.arrived(batch.header);
        const partial = this.partials[worker];
        if (partial !== undefined && this.random() < 0.8) partial.emit(batch);
        else edge.send(batch);
      },
      watermark: () => {
        throw new Error('a source fragment passes no watermark on');
      },
    };
  }

  private ship(watermarkMs: number, all: boolean): void {
    for (const partial of this.partials) {
      partial.ship(watermarkMs, all, (partition, bytes) => {
        this.edge?.ports[partition]?.mergePartials(bytes);
      });
    }
  }
}
