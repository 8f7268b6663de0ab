/**
 * Instantiates a query's pipeline plan, or a fragment of it: operators wired by outputs, one port
 * per scan and per exchange for the processor to push into. Owns wiring and the order in which
 * inputs end; knows no connector, no thread.
 */
import { assert, assertNever } from '../base/assert.js';
import type { Batch } from '../columnar/batch.js';
import { pipelineInputs } from '../plan/pipeline-plan.js';
import type { ExchangeNode, PipelineNode, ScanNode } from '../plan/pipeline-plan.js';
import type {
  LateRecords,
  Operator,
  OperatorContext,
  OperatorCounters,
  Output,
  RecordErrors,
} from './operator.js';
import { AggregateOperator } from './operators/aggregate.js';
import { CalcOperator } from './operators/calc.js';
import { JoinOperator } from './operators/join.js';
import { LimitOperator } from './operators/limit.js';
import { OverOperator } from './operators/over.js';
import { RowsWindowOperator } from './operators/rows-window.js';
import { SortOperator } from './operators/sort.js';
import { TopNOperator } from './operators/top-n.js';
import { UnionOperator } from './operators/union.js';
import { needsEveryRowWatermark, WatermarkOperator } from './operators/watermark.js';
import type { EventTimePrefix, WatermarkOptions } from './operators/watermark.js';
import { WindowAggregateOperator } from './operators/window-aggregate.js';
import { WindowColumnsOperator } from './operators/window-columns.js';

export interface PipelineEnvironment {
  readonly sink: Output;
  readonly errors: RecordErrors;
  readonly late: LateRecords;
  readonly counters: OperatorCounters;
  readonly requestStop: () => void;
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
}

export interface Pipeline {
  readonly scans: readonly ScanPort[];
  readonly exchanges: readonly ExchangePort[];
  /** Downstream last. */
  readonly operators: readonly Operator[];
}

/** A place in the tree where rows go: an operator's input, or the sink (operator null). */
interface Target {
  readonly operator: Operator | null;
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
  const builder = new PipelineBuilder(environment, {
    everyRow: options.everyRowWatermark ?? needsEveryRowWatermark(root),
    prefix: options.prefix ?? null,
  });
  builder.build(root, { operator: null, input: 0, output: environment.sink });
  return { scans: builder.scans, exchanges: builder.exchanges, operators: builder.operators };
}

class PipelineBuilder {
  readonly scans: ScanPort[] = [];
  readonly exchanges: ExchangePort[] = [];
  readonly operators: Operator[] = [];
  private readonly environment: PipelineEnvironment;
  private readonly watermarkOptions: WatermarkOptions;
  private readonly downstream = new Map<Operator, Target>();
  private readonly openInputs = new Map<Operator, number>();

  constructor(environment: PipelineEnvironment, watermarkOptions: WatermarkOptions) {
    this.environment = environment;
    this.watermarkOptions = watermarkOptions;
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
    const operator = this.operator(node, this.context(target.output));
    this.downstream.set(operator, target);
    const inputs = pipelineInputs(node);
    this.openInputs.set(operator, inputs.length);
    inputs.forEach((input, at) => {
      const into = { operator, input: at, output: new OperatorInput(operator, at) };
      this.build(input, into, extendPath(path, node));
    });
    this.operators.push(operator);
  }

  private context(output: Output): OperatorContext {
    const { errors, late, counters, requestStop } = this.environment;
    return { output, errors, late, counters, requestStop };
  }

  private operator(
    node: Exclude<PipelineNode, ScanNode | ExchangeNode>,
    context: OperatorContext,
  ): Operator {
    switch (node.kind) {
      case 'calc':
        return new CalcOperator(
          { ...node, inputTypes: node.input.schema.map((column) => column.type) },
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
        return new LimitOperator(node, context);
      case 'rows-window':
        return new RowsWindowOperator(node, context);
      case 'sort':
        return new SortOperator(node, context);
      case 'union':
        return new UnionOperator(node, context);
      case 'join':
        return new JoinOperator(node, context);
      case 'top-n':
        return new TopNOperator(node, context);
      case 'over':
        return new OverOperator(node, context);
      default:
        return assertNever(node);
    }
  }

  private scanPort(node: ScanNode, target: Target, path: Path): ScanPort {
    const watermarks = this.watermarkOperators(target);
    return {
      node,
      idleTimeoutMs: path.idleTimeoutMs,
      process: (batch) => target.output.emit(batch),
      setSplits: (splits) => {
        for (const operator of watermarks) operator.setSplits(splits);
      },
      splitEnded: (split) => {
        if (!path.flush) return;
        for (const operator of watermarks) operator.splitEnded(split);
      },
      setIdle: (split, idle) => {
        for (const operator of watermarks) {
          if (idle) operator.idle(split);
          else operator.active(split);
        }
      },
      end: (flush) => this.endInput(target, flush),
    };
  }

  private exchangePort(node: ExchangeNode, target: Target): ExchangePort {
    let passedOn = Number.NEGATIVE_INFINITY;
    return {
      edge: node.edge,
      process: (batch) => target.output.emit(batch),
      watermark: (watermarkMs) => {
        if (watermarkMs <= passedOn) return;
        passedOn = watermarkMs;
        target.output.watermark(watermarkMs);
      },
      mergePartials: (bytes) => {
        const { operator } = target;
        assert(
          operator instanceof AggregateOperator || operator instanceof WindowAggregateOperator,
          'partial groups go to an aggregation',
        );
        return operator.mergePartials(bytes);
      },
      end: (flush) => this.endInput(target, flush),
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

  private endInput(target: Target, flush: boolean): void {
    const { operator } = target;
    if (operator === null) return;
    operator.end(target.input, flush);
    const open = (this.openInputs.get(operator) ?? 0) - 1;
    assert(open >= 0, 'an input ends once');
    this.openInputs.set(operator, open);
    if (open === 0) this.endInput(this.downstream.get(operator) as Target, flush);
  }
}

/** The output that feeds one input of an operator. */
class OperatorInput implements Output {
  private readonly operator: Operator;
  private readonly input: number;

  constructor(operator: Operator, input: number) {
    this.operator = operator;
    this.input = input;
  }

  emit(batch: Batch): void {
    this.operator.process(this.input, batch);
  }

  watermark(watermarkMs: number): void {
    this.operator.watermark(this.input, watermarkMs);
  }
}
