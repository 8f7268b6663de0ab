/**
 * Instantiates a query's pipeline plan, or a fragment of it: operators wired by outputs, one port
 * per scan and per exchange for the processor to push into. Owns wiring and the order in which
 * inputs end; knows no connector, no thread.
 */
import { assert, assertNever } from '../base/assert.js';
import { copyBatch } from '../columnar/batch-copy.js';
import type { Batch } from '../columnar/batch.js';
import { needsEveryRowWatermark, pipelineInputs } from '../plan/pipeline/pipeline-plan.js';
import type {
  ExchangeNode,
  LimitNode,
  PipelineNode,
  ScanNode,
} from '../plan/pipeline/pipeline-plan.js';
import type { StateMemory } from '../state/paging/page-folder.js';
import { Flow, PIECE_ROWS } from './flow.js';
import type { Gate } from './flow.js';
import type {
  LateRecords,
  Operator,
  OperatorContext,
  OperatorCounters,
  RecordErrors,
} from './operator.js';
import type { Output } from './operator-output.js';
import { AggregateOperator } from './operators/aggregate.js';
import { CalcOperator } from './operators/calc.js';
import { FinalOperator } from './operators/final.js';
import { JoinOperator } from './operators/join/join.js';
import { LimitOperator } from './operators/limit.js';
import { OverOperator } from './operators/over/over.js';
import { RowsWindowOperator } from './operators/rows-window/rows-window.js';
import { SortOperator } from './operators/sort.js';
import { StandingLimitOperator } from './operators/standing-limit.js';
import { TopNChangesOperator } from './operators/top-n-changes.js';
import { TopNOperator } from './operators/top-n.js';
import { UnionOperator } from './operators/union.js';
import { WatermarkOperator } from './operators/watermark.js';
import type { EventTimePrefix, WatermarkOptions } from './operators/watermark.js';
import { WatermarkDelayOperator } from './operators/watermark-delay.js';
import { WindowAggregateOperator } from './operators/window/window-aggregate.js';
import { WindowColumnsOperator } from './operators/window/window-columns.js';

export interface PipelineEnvironment {
  readonly sink: Output;
  readonly errors: RecordErrors;
  readonly late: LateRecords;
  readonly counters: OperatorCounters;
  /** A LIMIT needs no more of its scans' rows, perhaps while the pipeline is being built. */
  readonly limitReached: (limit: LimitNode) => void;
  /** What each operator may hold that can put the rest on disk; null, the default: all. */
  readonly memory?: StateMemory | null;
}

/** Where a processor pushes the batches of one scan. */
export interface ScanPort {
  readonly node: ScanNode;
  /** 'source.idle-timeout' of the query's watermark; 0 = off. */
  readonly idleTimeoutMs: number;
  process(batch: Batch): void;
  /** All source partitions, before the first batch: a silent one holds the watermark back. */
  setSplits(splits: readonly number[]): void;
  splitEnded(split: number): void;
  setIdle(split: number, idle: boolean): void;
  /** No more batches. `flush`: the end of a bounded input; false: a stop. */
  end(flush: boolean): void;
}

/** Where a processor pushes what arrives over one edge for one instance of a fragment. */
export interface ExchangePort {
  readonly edge: number;
  process(batch: Batch): void;
  /** Watermark of the edge; one that does not rise is not passed on. */
  watermark(watermarkMs: number): void;
  /** Groups that a sender aggregated; only where the edge ends at an aggregation. */
  mergePartials(bytes: Uint8Array): number;
  /** No more batches, as ScanPort.end. */
  end(flush: boolean): void;
}

export interface PipelineOptions {
  /** Default: whether an operator of this tree needs it. A source fragment cannot see it. */
  readonly everyRowWatermark?: boolean;
  /** Makes the watermark operators senders (operators/watermark.ts). Default: they are whole. */
  readonly prefix?: EventTimePrefix;
  /**
   * True: a call of a port may leave work in the flow, which its caller resumes before the next
   * call. Default: a call returns when everything is out, and `between` is called now and then.
   */
  readonly suspends?: boolean;
  /** May throw, to give the job up. */
  readonly between?: () => void;
  /** Rows after which the flow suspends itself. */
  readonly pieceRows?: number;
}

export interface Pipeline {
  readonly scans: readonly ScanPort[];
  readonly exchanges: readonly ExchangePort[];
  /** Downstream last. */
  readonly operators: readonly Operator[];
  readonly flow: Flow;
}

/** A place in the tree where rows go: an operator's input, or the sink (operator null). */
interface Target {
  readonly operator: Operator | null;
  /** Of the operator. */
  readonly gate: Gate | null;
  readonly input: number;
  readonly output: Output;
}

/** What the nodes between a scan and the sink ask of the scan. */
interface Path {
  readonly idleTimeoutMs: number;
  /** False under SET 'emit.flush' = 'false': an ended split keeps its last watermark. */
  readonly flush: boolean;
}

const SINK_PATH: Path = { idleTimeoutMs: 0, flush: true };

function extendPath(path: Path, node: PipelineNode): Path {
  if (node.kind === 'watermark') return { ...path, idleTimeoutMs: node.idleTimeoutMs };
  if (node.kind === 'window-aggregate') return { ...path, flush: path.flush && node.flush };
  return path;
}

export function buildPipeline(
  root: PipelineNode,
  environment: PipelineEnvironment,
  options: PipelineOptions = {},
): Pipeline {
  const builder = new PipelineBuilder(environment, options, {
    everyRow: options.everyRowWatermark ?? needsEveryRowWatermark(root),
    prefix: options.prefix ?? null,
  });
  builder.build(root, { operator: null, gate: null, input: 0, output: environment.sink });
  const { scans, exchanges, operators, flow } = builder;
  return { scans, exchanges, operators, flow };
}

class PipelineBuilder {
  readonly scans: ScanPort[] = [];
  readonly exchanges: ExchangePort[] = [];
  readonly operators: Operator[] = [];
  readonly flow: Flow;
  private readonly environment: PipelineEnvironment;
  /** Called after each call of a port. */
  private readonly settle: () => void;
  private readonly watermarkOptions: WatermarkOptions;
  private readonly downstream = new Map<Operator, Target>();
  private readonly openInputs = new Map<Operator, number>();

  constructor(
    environment: PipelineEnvironment,
    { suspends = false, between = () => undefined, pieceRows = PIECE_ROWS }: PipelineOptions,
    watermarkOptions: WatermarkOptions,
  ) {
    this.environment = environment;
    this.watermarkOptions = watermarkOptions;
    this.flow = new Flow(pieceRows);
    this.settle = suspends ? () => undefined : () => this.flow.drain(between);
  }

  build(node: PipelineNode, target: Target, path: Path = SINK_PATH): void {
    if (node.kind === 'scan') {
      this.scans.push(this.scanPort(node, target, path));
      return;
    }
    if (node.kind === 'exchange') {
      this.exchanges.push(this.exchangePort(node, target));
      return;
    }
    const gate = this.flow.newGate();
    gate.isFedBySources = pipelineInputs(node).every(isFedBySources);
    const operator = this.operator(node, this.context(node, target.output, gate));
    this.downstream.set(operator, target);
    const inputs = pipelineInputs(node);
    this.openInputs.set(operator, inputs.length);
    inputs.forEach((input, at) => {
      const output = new OperatorInput(operator, at, gate);
      this.build(input, { operator, gate, input: at, output }, extendPath(path, node));
    });
    this.flow.built(gate);
    this.operators.push(operator);
  }

  private context(node: PipelineNode, output: Output, flow: Gate): OperatorContext {
    const { errors, late, counters, limitReached, memory = null } = this.environment;
    return {
      output,
      errors,
      late,
      counters,
      flow,
      ...(memory === null ? {} : { memory }),
      limitReached: () => {
        if (node.kind !== 'limit') return;
        this.flow.closeBehind(flow);
        limitReached(node);
      },
    };
  }

  private operator(
    node: Exclude<PipelineNode, ScanNode | ExchangeNode>,
    context: OperatorContext,
  ): Operator {
    switch (node.kind) {
      case 'calc':
        return new CalcOperator(
          {
            ...node,
            inputTypes: node.input.schema.map((column) => column.type),
            countsRejected: node.filter !== null && node.input.kind === 'scan',
          },
          context,
        );
      case 'watermark':
        return new WatermarkOperator(node, context, this.watermarkOptions);
      case 'aggregate':
        return new AggregateOperator(node, context);
      case 'window-aggregate':
        return new WindowAggregateOperator(node, context);
      case 'window-columns':
        return new WindowColumnsOperator(node, context);
      case 'limit':
        return node.counts === 'passing'
          ? new LimitOperator(node, context)
          : new StandingLimitOperator(node, context);
      case 'rows-window':
        return new RowsWindowOperator(node, context);
      case 'sort':
        return new SortOperator(node, context);
      case 'union':
        return new UnionOperator(node, context);
      case 'join':
        return new JoinOperator(node, context);
      case 'top-n':
        return node.input.mode === 'append'
          ? new TopNOperator(node, context)
          : new TopNChangesOperator(node, context);
      case 'over':
        return new OverOperator(node, context);
      case 'final':
        return new FinalOperator(node, context);
      case 'watermark-delay':
        return new WatermarkDelayOperator(node, context);
      default:
        return assertNever(node);
    }
  }

  private scanPort(node: ScanNode, target: Target, path: Path): ScanPort {
    const watermarks = this.watermarkOperators(target);
    return {
      node,
      idleTimeoutMs: path.idleTimeoutMs,
      process: (batch) => {
        target.output.emit(batch);
        this.settle();
      },
      setSplits: (splits) => {
        for (const operator of watermarks) operator.setSplits(splits);
        this.settle();
      },
      splitEnded: (split) => {
        if (!path.flush) return;
        for (const operator of watermarks) operator.splitEnded(split);
        this.settle();
      },
      setIdle: (split, idle) => {
        for (const operator of watermarks) {
          if (idle) operator.idle(split);
          else operator.active(split);
        }
        this.settle();
      },
      end: (flush) => {
        this.endInput(target, flush);
        this.settle();
      },
    };
  }

  private exchangePort(node: ExchangeNode, target: Target): ExchangePort {
    let passedOn = Number.NEGATIVE_INFINITY;
    return {
      edge: node.edge,
      process: (batch) => {
        target.output.emit(batch);
        this.settle();
      },
      watermark: (watermarkMs) => {
        if (watermarkMs <= passedOn) return;
        passedOn = watermarkMs;
        target.output.watermark(watermarkMs);
        this.settle();
      },
      mergePartials: (bytes) => {
        const { operator } = target;
        assert(
          operator instanceof AggregateOperator || operator instanceof WindowAggregateOperator,
          'partial groups go to an aggregation',
        );
        return operator.mergePartials(bytes);
      },
      end: (flush) => {
        this.endInput(target, flush);
        this.settle();
      },
    };
  }

  /** The watermark operators on the way from a scan to the first stateful operator. */
  private watermarkOperators(target: Target): WatermarkOperator[] {
    const found: WatermarkOperator[] = [];
    let at: Target | undefined = target;
    while (at !== undefined && at.operator !== null) {
      if (at.operator instanceof WatermarkOperator) found.push(at.operator);
      at = this.downstream.get(at.operator);
    }
    return found;
  }

  /** Behind what the operator still has to do; the operators behind it end when it is done. */
  private endInput(target: Target, flush: boolean): void {
    const { operator, gate } = target;
    if (operator === null || gate === null) return;
    const end = (): void => {
      operator.end(target.input, flush);
      if (gate.working) gate.wait(() => this.inputEnded(operator, flush), true);
      else this.inputEnded(operator, flush);
    };
    if (gate.busy) gate.wait(end, true);
    else end();
  }

  private inputEnded(operator: Operator, flush: boolean): void {
    const open = (this.openInputs.get(operator) ?? 0) - 1;
    assert(open >= 0, 'an input ends once');
    this.openInputs.set(operator, open);
    if (open === 0) this.endInput(this.downstream.get(operator) as Target, flush);
  }
}

/** Operators that give one batch for one batch, and nothing while nothing comes. */
const PASSING: ReadonlySet<PipelineNode['kind']> = new Set<PipelineNode['kind']>([
  'scan',
  'exchange',
  'calc',
  'watermark',
  'watermark-delay',
  'union',
]);

/** Whether rows of a node come from sources as they are read, so that no more do meanwhile. */
function isFedBySources(node: PipelineNode): boolean {
  return PASSING.has(node.kind) && pipelineInputs(node).every(isFedBySources);
}

/** The output that feeds one input of an operator. */
class OperatorInput implements Output {
  private readonly operator: Operator;
  private readonly input: number;
  private readonly gate: Gate;

  constructor(operator: Operator, input: number, gate: Gate) {
    this.operator = operator;
    this.input = input;
    this.gate = gate;
  }

  emit(batch: Batch): void {
    if (this.gate.busy) this.wait(batch);
    else if (!this.gate.closed) this.operator.process(this.input, batch);
  }

  watermark(watermarkMs: number): void {
    const { operator, input, gate } = this;
    if (gate.busy) gate.wait(() => operator.watermark(input, watermarkMs), false);
    else operator.watermark(input, watermarkMs);
  }

  private wait(batch: Batch): void {
    const { operator, input, gate } = this;
    if (gate.closed) return;
    const copy = copyBatch(batch);
    gate.wait(() => operator.process(input, copy), false);
  }
}
