/**
 * Partial aggregation end to end without threads: records in blocks, senders that take the blocks
 * in any order of workers, partitions that merge what arrives, and the one operator of V1 that
 * sees the same records. Rows are those of test/state's grouping harness.
 */
import type { Batch, BatchHeader } from '../../src/columnar/batch.js';
import type { SqlType } from '../../src/columnar/types.js';
import { TIMESTAMP } from '../../src/columnar/types.js';
import type {
  AggregateCall,
  AggregateNode,
  WatermarkNode,
  WindowAggregateNode,
} from '../../src/plan/pipeline/pipeline-plan.js';
import type { WindowSpec } from '../../src/plan/window-spec.js';
import type { Operator, OperatorContext } from '../../src/runtime/operator.js';
import { EdgeWatermark } from '../../src/runtime/edge-watermark.js';
import { AggregateOperator } from '../../src/runtime/operators/aggregate.js';
import { WatermarkOperator } from '../../src/runtime/operators/watermark.js';
import { WindowAggregateOperator } from '../../src/runtime/operators/window/window-aggregate.js';
import { PartialAggregate } from '../../src/runtime/partial-aggregate.js';
import { GroupedStateFactory } from '../../src/state/groups/grouped-state-factory.js';
import type { GroupedState } from '../../src/state/groups/grouped-state.js';
import type { Collected, Row } from '../state/grouping-harness.js';
import { batchesOf, COLUMNS, Random, TIME } from '../state/grouping-harness.js';
import { PrefixChain, routed } from './exchange-support.js';
import { RecordingContext, restoreInto, snapshotOf } from './stream-support.js';
import { AT_ONCE } from '../../src/runtime/flow.js';

const KEY_GROUPS = 1024;
const SCHEMA = COLUMNS.map((type, at) => ({ name: `c${at}`, type }));

type Node = AggregateNode | WindowAggregateNode;
type Receiver = AggregateOperator | WindowAggregateOperator;

export function watermarkNode(boundMs: number): WatermarkNode {
  return {
    kind: 'watermark',
    id: 'watermark',
    schema: SCHEMA,
    mode: 'append',
    input: { kind: 'scan' } as never,
    column: TIME,
    boundMs,
    idleTimeoutMs: 0,
    assumed: false,
  };
}

function columns(keys: readonly number[], types: readonly SqlType[]): AggregateNode['schema'] {
  return [...keys.map((key) => COLUMNS[key] as SqlType), ...types].map((type, at) => ({
    name: `r${at}`,
    type,
  }));
}

export function aggregateNode(
  keys: readonly number[],
  aggregates: readonly AggregateCall[],
): AggregateNode {
  return {
    kind: 'aggregate',
    id: 'group-by',
    schema: columns(
      keys,
      aggregates.map(({ type }) => type),
    ),
    mode: 'append',
    input: watermarkNode(0),
    keys,
    aggregates,
    emission: 'final',
    distinct: false,
    ttl: null,
    signature: '',
  };
}

export function windowNode(
  keys: readonly number[],
  aggregates: readonly AggregateCall[],
  window: WindowSpec,
  options: { readonly boundMs: number; readonly strategy?: 'drop' | 'dead-letter' },
): WindowAggregateNode {
  return {
    kind: 'window-aggregate',
    id: 'group-by',
    mode: 'append',
    keys,
    aggregates,
    emission: 'final',
    signature: '',
    schema: columns(keys, [TIMESTAMP, TIMESTAMP, ...aggregates.map(({ type }) => type)]),
    input: watermarkNode(options.boundMs),
    window,
    timeColumn: TIME,
    late: { strategy: options.strategy ?? 'drop', allowedLatenessMs: 0 },
    flush: true,
  };
}

/** Records of one split, read together. */
export interface Block {
  readonly split: number;
  readonly rows: readonly Row[];
}

/** A fresh batch of a block: its layout is the same for every one who asks. */
export function batchOfBlock(block: Block, at: number): Batch {
  const changes = block.rows.map((row) => ({ op: 0, row }));
  const [batch] = batchesOf(changes, Math.max(changes.length, 1), new Random(at + 1));
  const result = batch as Batch;
  result.header.split = block.split;
  result.header.sequence = at;
  return result;
}

export interface Outcome {
  readonly rows: readonly Collected[];
  readonly failures: readonly string[];
  readonly late: number;
  readonly dropped: number;
  readonly deadLetters: readonly string[];
}

/** What one or many contexts saw, in an order that does not depend on how many there were. */
function outcome(node: Node, contexts: readonly RecordingContext[]): Outcome {
  const keyCount = node.keys.length + (node.kind === 'window-aggregate' ? 2 : 0);
  const keyOf = ({ values }: Collected): string => values.slice(0, keyCount).map(String).join('|');
  const rows = contexts.flatMap((context) => context.rows.map((values) => ({ op: '+I', values })));
  const sum = (pick: (context: RecordingContext) => number): number =>
    contexts.reduce((total, context) => total + pick(context), 0);
  return {
    rows: rows.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)),
    failures: contexts.flatMap(({ failures }) => failures.map((f) => f.failure.message)).sort(),
    late: sum(({ counters }) => counters.late),
    dropped: sum(({ counters }) => counters.lateDropped),
    deadLetters: contexts
      .flatMap(({ lateRecords }) => lateRecords.map(({ row, time }) => `${row}@${time}`))
      .sort(),
  };
}

function newReceiver(node: Node, context: OperatorContext): Receiver {
  return node.kind === 'aggregate'
    ? new AggregateOperator(node, context)
    : new WindowAggregateOperator(node, context);
}

function boundOf(node: Node): number {
  return node.input.kind === 'watermark' ? node.input.boundMs : 0;
}

function passing(context: RecordingContext, output: OperatorContext['output']): OperatorContext {
  const { errors, late, counters, limitReached } = context;
  return { output, errors, late, counters, flow: AT_ONCE, limitReached };
}

/** One thread, one operator. */
export function runWhole(node: Node, blocks: readonly Block[], splits: readonly number[]): Outcome {
  const context = new RecordingContext(node.schema.map(({ type }) => type));
  const operator = newReceiver(node, context);
  const output = {
    emit: (batch: Batch): void => operator.process(0, batch),
    watermark: (watermarkMs: number): void => operator.watermark(0, watermarkMs),
  };
  const source = new WatermarkOperator(watermarkNode(boundOf(node)), passing(context, output));
  source.setSplits(splits);
  blocks.forEach((block, at) => source.process(0, batchOfBlock(block, at)));
  operator.end(0, true);
  return outcome(node, [context]);
}

export interface PartedOptions {
  readonly senders: number;
  readonly partitions: number;
  readonly seed: number;
  /** Share of blocks whose rows are exchanged instead of aggregated. Default 0. */
  readonly exchanged?: number;
  /** Share of blocks after which everything is shipped. Default 0.1. */
  readonly flushed?: number;
  /** Share of blocks after which the partitions are restored. Default 0.03. */
  readonly restored?: number;
}

/** Senders and partitions; who takes a block, when groups travel and watermarks go is random. */
export class PartedRun {
  readonly contexts: RecordingContext[] = [];
  shipments = 0;
  private readonly node: Node;
  private readonly options: PartedOptions;
  private readonly random: Random;
  private readonly keys: GroupedState;
  private readonly edge: EdgeWatermark;
  private readonly partials: readonly PartialAggregate[];
  private readonly sources: readonly WatermarkOperator[];
  private receivers: Receiver[];
  private exchanging = false;
  private announced = Number.NEGATIVE_INFINITY;

  constructor(node: Node, options: PartedOptions) {
    this.node = node;
    this.options = options;
    this.random = new Random(options.seed);
    this.keys = new GroupedStateFactory({
      id: 'router',
      inputTypes: COLUMNS,
      keys: node.keys,
      aggregates: [],
      windowColumns: false,
    }).create();
    this.edge = new EdgeWatermark({ boundMs: boundOf(node), flush: true });
    const prefix = new PrefixChain();
    const contexts = Array.from({ length: options.senders }, () => this.context());
    this.partials = contexts.map(
      (context) => new PartialAggregate(node, context, this.partitionOf, options.partitions),
    );
    this.sources = contexts.map((context, sender) => {
      const output = {
        emit: (batch: Batch): void => this.take(sender, batch),
        watermark: (): void => undefined,
      };
      const plan = watermarkNode(boundOf(node));
      return new WatermarkOperator(plan, passing(context, output), { everyRow: false, prefix });
    });
    this.receivers = this.newReceivers();
  }

  run(blocks: readonly Block[], splits: readonly number[]): Outcome {
    const { flushed = 0.1, restored = 0.03, senders } = this.options;
    this.edge.setSplits(splits);
    blocks.forEach((block, at) => {
      this.sources[this.random.below(senders)]?.process(0, batchOfBlock(block, at));
      this.partials.forEach((_, sender) => {
        const all = this.random.next() < flushed;
        if (all || this.random.next() < 0.3) this.ship(sender, Number.NEGATIVE_INFINITY, all);
      });
      if (this.random.next() < restored) this.restore();
      if (this.random.next() < 0.5) this.announce(this.edge.current());
    });
    this.announce(this.edge.current());
    this.partials.forEach((_, sender) => this.ship(sender, this.announced, true));
    for (const receiver of this.receivers) receiver.end(0, true);
    return outcome(this.node, this.contexts);
  }

  private take(sender: number, batch: Batch): void {
    const header: BatchHeader = batch.header;
    this.edge.arrived(header);
    this.exchanging = this.random.next() < (this.options.exchanged ?? 0);
    if (!this.exchanging) {
      this.partials[sender]?.emit(batch);
      return;
    }
    routed(batch, this.keys, this.partitionOf, this.options.partitions, (partition, part) => {
      this.receivers[partition]?.process(0, part);
    });
  }

  /** A watermark is announced behind what every sender has that it makes due. */
  private announce(watermarkMs: number): void {
    this.announced = watermarkMs;
    this.partials.forEach((partial, sender) => {
      if (partial.due(watermarkMs)) this.ship(sender, watermarkMs, false);
    });
    for (const receiver of this.receivers) receiver.watermark(0, watermarkMs);
  }

  private ship(sender: number, watermarkMs: number, all: boolean): void {
    const bytesMax = this.random.below(2) === 0 ? this.random.below(500) : undefined;
    const merge = (partition: number, bytes: Uint8Array): void => {
      this.shipments += 1;
      this.receivers[partition]?.mergePartials(bytes);
      bytes.fill(0xff);
    };
    this.partials[sender]?.ship(watermarkMs, all, merge, bytesMax);
  }

  /** Takes all partitions' state to new operators, entry by entry to the owner of its key group. */
  private restore(): void {
    const states = this.receivers.map((receiver: Operator) => snapshotOf(receiver));
    this.receivers = this.newReceivers();
    this.receivers.forEach((receiver, partition) => {
      for (const bytes of states) {
        restoreInto(receiver, bytes, (keyGroup) => this.partitionOf(keyGroup) === partition);
      }
    });
  }

  private newReceivers(): Receiver[] {
    return Array.from({ length: this.options.partitions }, () =>
      newReceiver(this.node, this.context()),
    );
  }

  private context(): RecordingContext {
    const context = new RecordingContext(this.node.schema.map(({ type }) => type));
    this.contexts.push(context);
    return context;
  }

  private readonly partitionOf = (keyGroup: number): number =>
    Math.floor((keyGroup * this.options.partitions) / KEY_GROUPS);
}
