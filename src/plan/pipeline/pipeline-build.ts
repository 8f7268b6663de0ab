/**
 * What the builders of pipeline operators share: the context that flows from consumers to
 * producers (who reads the rows, which column must carry event time), the services of the query
 * being built, and the materialising of expressions as columns of an operator's input.
 */
import type { Span } from '../../base/span.js';
import type { Consumer } from './changelog-mode.js';
import { identity } from '../logical/calc-fusion.js';
import type { BoundExpression } from '../expression/expression.js';
import { expressionText } from '../expression/expression-text.js';
import { expressionKey } from '../expression/expression-walk.js';
import type { FaultCollector } from '../faults.js';
import type {
  LogicalAggregateCall,
  LogicalEmit,
  LogicalNode,
  LogicalProject,
  LogicalSortKey,
} from '../logical/logical-plan.js';
import type { AggregateCall, SortKey } from './pipeline-plan.js';
import type { Built, ColumnShape, NodeNames } from './pipeline-scan.js';
import { lineageText } from './pipeline-scan.js';
import type { BoundSettings } from '../query-settings.js';

/** A column of the node being built that needs a watermark at its source. */
export interface TimeDemand {
  readonly index: number;
  readonly span: Span;
}

export interface BuildContext {
  readonly consumer: Consumer;
  readonly time: TimeDemand | null;
  /** Rows come with the watermark that their tables declare, whatever column `time` asks for. */
  readonly clock: boolean;
  readonly shape: ColumnShape;
}

export const BELOW_STATE: BuildContext = {
  consumer: 'stateful',
  time: null,
  clock: false,
  shape: 'tight',
};

export interface BuildServices {
  readonly faults: FaultCollector;
  readonly names: NodeNames;
  readonly settings: BoundSettings;
  readonly emit: LogicalEmit | null;
  readonly isOrderedOrLimited: boolean;
  readonly changelog: boolean;
  readonly warn: (line: string) => void;
  readonly build: (node: LogicalNode, context: BuildContext) => Built;
}

/** A project of `expressions`, each different one once. */
export interface Materialised {
  readonly node: LogicalProject;
  /** Logical column of `node` for an expression that was asked for. */
  readonly columnOf: (expression: BoundExpression) => number;
}

/** `keepInput`: the input's columns come first, as they are. */
export function materialise(
  input: LogicalNode,
  expressions: readonly BoundExpression[],
  keepInput: boolean,
): Materialised {
  const kept: BoundExpression[] = keepInput ? [...identity(input)] : [];
  const positions = new Map(kept.map((expression, at) => [expressionKey(expression), at]));
  for (const expression of expressions) {
    const key = expressionKey(expression);
    if (!positions.has(key)) positions.set(key, kept.push(expression) - 1);
  }
  const schema = kept.map((expression) => ({
    name: expression.kind === 'column' ? expression.name : expressionText(expression),
    type: expression.type,
  }));
  return {
    node: { kind: 'project', input, expressions: kept, schema, span: input.span },
    columnOf: (expression) => positions.get(expressionKey(expression)) ?? -1,
  };
}

/** Where the expressions of an operator are in its built input. */
export class InputColumns {
  private readonly built: Built;
  private readonly materialised: Materialised;

  constructor(built: Built, materialised: Materialised) {
    this.built = built;
    this.materialised = materialised;
  }

  of(expression: BoundExpression): number {
    return this.built.columns[this.materialised.columnOf(expression)] ?? -1;
  }

  sortKey(key: LogicalSortKey): SortKey {
    const { expression, descending, nullsFirst } = key;
    return { column: this.of(expression), type: expression.type, descending, nullsFirst };
  }

  aggregateCall(call: LogicalAggregateCall): AggregateCall {
    return {
      function: call.function,
      args: call.args.map((argument) => this.of(argument)),
      argTypes: call.args.map(({ type }) => type),
      literals: call.literals,
      filter: call.filter === null ? null : this.of(call.filter),
      distinct: call.distinct,
      orderBy: call.orderBy.map((key) => this.sortKey(key)),
      type: call.type,
    };
  }

  /** The expression in terms of source columns. */
  lineage(expression: BoundExpression): string {
    const index = this.of(expression);
    return this.built.lineage[index] ?? lineageText(this.built, expression);
  }
}

export function aggregateInputs(call: LogicalAggregateCall): readonly BoundExpression[] {
  return [
    ...call.args,
    ...(call.filter === null ? [] : [call.filter]),
    ...call.orderBy.map(({ expression }) => expression),
  ];
}
