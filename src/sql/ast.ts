/**
 * The syntax tree, on one page: readonly plain data, every node with a span. Covers all of the
 * dialect; what velo has no operator for yet is refused by the binder, not by the grammar.
 * Owns no names, types or meaning. `parse(print(ast))` equals `ast` up to spans (law 6).
 */
import type { Span } from '../base/span.js';

interface Node {
  readonly span: Span;
}

/** A name as written. `quoted` names match exactly, others in any case. */
export interface Identifier extends Node {
  readonly name: string;
  readonly quoted: boolean;
}

export interface Script extends Node {
  readonly statements: readonly Statement[];
}

export type Statement = CreateTable | CreateAs | Insert | SelectStatement | SetStatement;

/** `-- @key: value` above a statement. */
export interface Annotation extends Node {
  readonly key: string;
  readonly value: string;
}

export interface SetStatement extends Node {
  readonly kind: 'set';
  readonly key: string;
  readonly value: string;
}
export interface CreateTable extends Node {
  readonly kind: 'create-table';
  readonly relation: 'table' | 'stream';
  readonly ifNotExists: boolean;
  readonly name: Identifier;
  readonly columns: readonly ColumnDefinition[];
  readonly watermark: Watermark | null;
  readonly primaryKey: readonly Identifier[] | null;
  readonly options: readonly Option[];
  /** The options are those of --source. */
  readonly redirected?: boolean;
}
export interface CreateAs extends Node {
  readonly kind: 'create-as';
  readonly relation: 'table' | 'stream';
  readonly ifNotExists: boolean;
  readonly name: Identifier;
  readonly options: readonly Option[];
  readonly query: Query;
  readonly annotations: readonly Annotation[];
}
export interface Insert extends Node {
  readonly kind: 'insert';
  readonly target: Identifier;
  /** The target's name is an address: INSERT INTO 'out.csv'. */
  readonly isAddress?: true;
  /** Behind the target: as of a table that is read. */
  readonly hints: readonly Option[];
  readonly columns: readonly Identifier[] | null;
  readonly query: Query;
  readonly annotations: readonly Annotation[];
}
export interface SelectStatement extends Node {
  readonly kind: 'select-statement';
  readonly query: Query;
  readonly annotations: readonly Annotation[];
}

/** METADATA [FROM 'key'] [VIRTUAL]: what is virtual is read, but not written. */
export interface Metadata {
  readonly key: string | null;
  readonly virtual: boolean;
}

/** `name type`, `name [type] AS expression`, `name type METADATA [FROM 'key']`. */
export interface ColumnDefinition extends Node {
  readonly name: Identifier;
  readonly type: TypeName | null;
  readonly computed: Expression | null;
  readonly metadata: Metadata | null;
  readonly notNull: boolean;
}
export interface Watermark extends Node {
  readonly column: Identifier;
  readonly expression: Expression;
}
/** `'key' = 'value'` of WITH (…) or of a hint. */
export interface Option extends Node {
  readonly key: string;
  readonly keySpan: Span;
  readonly value: string;
  readonly valueSpan: Span;
}
export interface TypeName extends Node {
  /** Upper case, as written: VARCHAR, DECIMAL, TIMESTAMP, ARRAY, MAP, ROW … */
  readonly name: string;
  /** Numbers in parentheses: DECIMAL(10, 2), TIMESTAMP(3). */
  readonly parameters: readonly number[];
  /** ARRAY<T>, MAP<K, V>. */
  readonly elements: readonly TypeName[];
  /** ROW<name T, …>. */
  readonly fields: readonly { readonly name: Identifier; readonly type: TypeName }[];
}

export interface Query extends Node {
  readonly kind: 'query';
  readonly ctes: readonly Cte[];
  readonly body: QueryBody;
  readonly orderBy: readonly OrderItem[];
  readonly limit: Expression | null;
  readonly emit: Emit | null;
  readonly into: Identifier | null;
  readonly options: readonly Option[];
}
export interface Cte extends Node {
  readonly name: Identifier;
  readonly columns: readonly Identifier[] | null;
  readonly query: Query;
}
export type QueryBody = Select | Union | Query;
export interface Union extends Node {
  readonly kind: 'union';
  readonly all: boolean;
  readonly left: QueryBody;
  readonly right: QueryBody;
}
export interface Select extends Node {
  readonly kind: 'select';
  /** Of a hint STATE_TTL ('name' = '1h', …) behind SELECT; absent: there is none. */
  readonly stateTtl?: readonly Option[];
  readonly distinct: boolean;
  readonly items: readonly SelectItem[];
  readonly from: Relation | null;
  readonly where: Expression | null;
  readonly groupBy: readonly Expression[];
  readonly window: WindowClause | null;
  readonly namedWindows: readonly NamedWindow[];
  readonly having: Expression | null;
}
export type SelectItem = StarItem | ExpressionItem;
/** `*` or `t.*`. */
export interface StarItem extends Node {
  readonly kind: 'star';
  readonly qualifier: Identifier | null;
}
export interface ExpressionItem extends Node {
  readonly kind: 'item';
  readonly expression: Expression;
  readonly alias: Identifier | null;
}
export interface OrderItem extends Node {
  readonly expression: Expression;
  readonly descending: boolean;
  readonly nulls: 'first' | 'last' | null;
}
export interface Emit extends Node {
  readonly mode: 'changes' | 'final';
}

export type Relation = TableReference | QuotedSource | DerivedTable | WindowTable | Join;
export interface TableReference extends Node {
  readonly kind: 'table';
  readonly name: Identifier;
  readonly alias: Identifier | null;
  /** FOR SYSTEM_TIME AS OF expression. */
  readonly asOf: Expression | null;
  /** Behind the name: OPTIONS ('key' = 'value', …) in a hint. */
  readonly hints: readonly Option[];
}
/** FROM 'trades.jsonl', FROM 'kafka://host:port/topic'. */
export interface QuotedSource extends Node {
  readonly kind: 'quoted-source';
  readonly uri: string;
  readonly uriSpan: Span;
  readonly alias: Identifier | null;
}
export interface DerivedTable extends Node {
  readonly kind: 'derived';
  readonly query: Query;
  readonly alias: Identifier | null;
}
/** FROM TABLE(TUMBLE(TABLE t [PARTITION BY …], DESCRIPTOR(ts), size …)). */
export interface WindowTable extends Node {
  readonly kind: 'window-table';
  readonly window: 'tumble' | 'hop' | 'cumulate' | 'session';
  readonly table: Relation;
  readonly partitionBy: readonly Expression[];
  readonly timeColumn: Identifier;
  /** TUMBLE size; HOP slide, size; CUMULATE step, size; SESSION gap: as written. */
  readonly durations: readonly Duration[];
  readonly alias: Identifier | null;
}
export interface Join extends Node {
  readonly kind: 'join';
  readonly type: 'inner' | 'left' | 'right' | 'full' | 'cross';
  readonly left: Relation;
  readonly right: Relation;
  readonly on: Expression | null;
  readonly using: readonly Identifier[] | null;
}

/** WINDOW TUMBLING([col,] size) | SLIDING / HOPPING([col,] size, advance) | SESSION([col,] gap). */
export interface WindowClause extends Node {
  readonly window: 'tumbling' | 'sliding' | 'hopping' | 'session';
  readonly timeColumn: ColumnReference | null;
  readonly durations: readonly Duration[];
}
/** INTERVAL '1' MINUTE, INTERVAL 1 MINUTE, 1m, 500ms, or a bare number of seconds. */
export interface Duration extends Node {
  readonly ms: number;
  /** As written, for printing: 'interval' forms keep amount and unit. */
  readonly text: string;
}
export interface NamedWindow extends Node {
  readonly name: Identifier;
  readonly spec: OverSpec;
}

/** Inside OVER (…): either a standard window or ROWS WINDOW BUFFER. */
export interface OverSpec extends Node {
  readonly base: Identifier | null;
  readonly buffer: BufferSpec | null;
  readonly partitionBy: readonly Expression[];
  readonly orderBy: readonly OrderItem[];
  readonly frame: Frame | null;
}
export interface BufferSpec extends Node {
  readonly rows: number;
  readonly emit: 'every-record' | 'buffer-full' | null;
  readonly expire: Duration | 'never' | null;
}
export interface Frame extends Node {
  readonly unit: 'rows' | 'range';
  readonly start: FrameBound;
  readonly end: FrameBound;
}
export interface FrameBound extends Node {
  readonly kind:
    'unbounded-preceding' | 'preceding' | 'current-row' | 'following' | 'unbounded-following';
  /** Rows of `n PRECEDING`, or the interval of RANGE. */
  readonly offset: Expression | null;
}

export type Expression =
  | Literal
  | IntervalLiteral
  | ColumnReference
  | Unary
  | Binary
  | IsTest
  | InList
  | Between
  | Like
  | Case
  | Cast
  | Call
  | Extract
  | FloorTo
  | ArrayLiteral
  | MapLiteral
  | RowLiteral
  | IndexAccess
  | FieldAccess
  | Exists
  | ScalarSubquery
  | InSubquery;

/** `text` is the exact text of a number (digits, point, exponent) or the value of a string. */
export interface Literal extends Node {
  readonly kind: 'literal';
  readonly type:
    'integer' | 'decimal' | 'double' | 'string' | 'boolean' | 'null' | 'timestamp' | 'date';
  readonly text: string;
}
export interface IntervalLiteral extends Node {
  readonly kind: 'interval';
  readonly amount: string;
  /** Upper case, singular: YEAR QUARTER MONTH WEEK DAY HOUR MINUTE SECOND MILLISECOND. */
  readonly unit: string;
}
/** `a`, `t.a`, `t.a.b` (field access on a ROW column). */
export interface ColumnReference extends Node {
  readonly kind: 'column';
  readonly parts: readonly Identifier[];
}
export interface Unary extends Node {
  readonly kind: 'unary';
  readonly operator: '-' | '+' | 'not';
  readonly operand: Expression;
}
export interface Binary extends Node {
  readonly kind: 'binary';
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
}
export type BinaryOperator =
  'or' | 'and' | '=' | '<>' | '<' | '<=' | '>' | '>=' | '||' | '+' | '-' | '*' | '/' | '%';
/** IS [NOT] NULL | TRUE | FALSE | UNKNOWN | DISTINCT FROM other. */
export interface IsTest extends Node {
  readonly kind: 'is';
  readonly operand: Expression;
  readonly test: 'null' | 'true' | 'false' | 'unknown' | 'distinct';
  readonly other: Expression | null;
  readonly negated: boolean;
}
export interface InList extends Node {
  readonly kind: 'in';
  readonly operand: Expression;
  readonly list: readonly Expression[];
  readonly negated: boolean;
}
export interface Between extends Node {
  readonly kind: 'between';
  readonly operand: Expression;
  readonly low: Expression;
  readonly high: Expression;
  readonly negated: boolean;
}
export interface Like extends Node {
  readonly kind: 'like';
  readonly operand: Expression;
  readonly pattern: Expression;
  readonly escape: Expression | null;
  readonly negated: boolean;
}
export interface Case extends Node {
  readonly kind: 'case';
  readonly operand: Expression | null;
  readonly branches: readonly { readonly when: Expression; readonly then: Expression }[];
  readonly otherwise: Expression | null;
}
export interface Cast extends Node {
  readonly kind: 'cast';
  readonly operand: Expression;
  readonly type: TypeName;
  /** TRY_CAST gives NULL where CAST would fail. */
  readonly safe: boolean;
  readonly form: 'cast' | 'colons';
}
/** Any function call: scalar, aggregate or window function. COUNT(*) has `star`. */
export interface Call extends Node {
  readonly kind: 'call';
  readonly name: Identifier;
  readonly args: readonly Expression[];
  readonly star: boolean;
  readonly distinct: boolean;
  /** LISTAGG(x, ',' ORDER BY y) and WITHIN GROUP (ORDER BY v). */
  readonly orderBy: readonly OrderItem[];
  readonly withinGroup: readonly OrderItem[];
  readonly filter: Expression | null;
  /** OVER (…) or OVER name. */
  readonly over: OverSpec | Identifier | null;
}
export interface Extract extends Node {
  readonly kind: 'extract';
  readonly unit: Identifier;
  readonly operand: Expression;
}
/** FLOOR(ts TO unit), CEIL(ts TO unit). */
export interface FloorTo extends Node {
  readonly kind: 'floor-to';
  readonly direction: 'floor' | 'ceil';
  readonly operand: Expression;
  readonly unit: Identifier;
}
export interface ArrayLiteral extends Node {
  readonly kind: 'array';
  readonly elements: readonly Expression[];
}
/** MAP[k, v, k, v …] */
export interface MapLiteral extends Node {
  readonly kind: 'map';
  readonly entries: readonly { readonly key: Expression; readonly value: Expression }[];
}
export interface RowLiteral extends Node {
  readonly kind: 'row';
  readonly elements: readonly Expression[];
}
/** array[i] (from 1) or map[key]. */
export interface IndexAccess extends Node {
  readonly kind: 'index';
  readonly operand: Expression;
  readonly index: Expression;
}
/** A field of what is no name: array[1].name, (row).name. One of a column is ColumnReference. */
export interface FieldAccess extends Node {
  readonly kind: 'field';
  readonly operand: Expression;
  readonly field: Identifier;
}
export interface Exists extends Node {
  readonly kind: 'exists';
  readonly query: Query;
}
export interface ScalarSubquery extends Node {
  readonly kind: 'subquery';
  readonly query: Query;
}
export interface InSubquery extends Node {
  readonly kind: 'in-subquery';
  readonly operand: Expression;
  readonly query: Query;
  readonly negated: boolean;
}
