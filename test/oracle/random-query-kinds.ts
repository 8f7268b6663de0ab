/**
 * Kinds of random queries, each in velo's words and in DuckDB's. Tables t and u have the columns of
 * random-data.ts and `id`.
 */
import type { Random } from './random-data.js';
import { ExpressionGenerator, build, same } from './random-expressions.js';
import type { Expression } from './random-expressions.js';

export interface RandomQuery extends Expression {
  readonly ordered: boolean;
  /** What velo's changelog leaves at its end is the answer. */
  readonly changelog?: boolean;
}

function listOf(count: number, make: (at: number) => Expression): Expression {
  return Array.from({ length: count }, (_, at) => make(at)).reduce(
    (list, item) => build`${list}, ${item}`,
  );
}

function where(random: Random, expressions: ExpressionGenerator): Expression {
  return random.chance(50) ? build` WHERE ${expressions.boolean(2)}` : same('');
}

function unordered(query: Expression): RandomQuery {
  return { ...query, ordered: false };
}

function changing(query: Expression): RandomQuery {
  return { ...query, ordered: false, changelog: true };
}

function projection(random: Random): RandomQuery {
  const expressions = new ExpressionGenerator(random);
  const list = listOf(3, (at) => build`${expressions.any(3)} AS ${same(`c${at}`)}`);
  return unordered(build`SELECT id, ${list} FROM t${where(random, expressions)}`);
}

function distinct(random: Random): RandomQuery {
  const expressions = new ExpressionGenerator(random);
  const list = listOf(2, (at) => build`${expressions.any(1)} AS ${same(`c${at}`)}`);
  return unordered(build`SELECT DISTINCT ${list} FROM t${where(random, expressions)}`);
}

/** A key of GROUP BY or ORDER BY, where a whole number would be the place of a column. */
function key(expressions: ExpressionGenerator): Expression {
  return build`COALESCE(${expressions.any(1)}, NULL)`;
}

/** Keys as c0, c1 and aggregates as n0, n1 …, without what stands before GROUP BY. */
function grouping(random: Random, expressions: ExpressionGenerator) {
  const keys = Array.from({ length: 1 + random.below(2) }, () => key(expressions));
  const list = listOf(keys.length, (at) => build`${keys[at] as Expression} AS ${same(`c${at}`)}`);
  const groups = listOf(keys.length, (at) => keys[at] as Expression);
  const aggregates = listOf(
    1 + random.below(3),
    (at) => build`${expressions.aggregate()} AS ${same(`n${at}`)}`,
  );
  const having = random.chance(30)
    ? same(` HAVING ${random.pick(['COUNT(*) > 2', 'SUM(b) > 5', 'MAX(d) IS NOT NULL'])}`)
    : same('');
  return { list: build`${list}, ${aggregates}`, groups, having };
}

function finalGroups(random: Random): RandomQuery {
  const expressions = new ExpressionGenerator(random);
  const { list, groups, having } = grouping(random, expressions);
  const query = build`SELECT ${list} FROM t${where(random, expressions)} GROUP BY ${groups}${having}`;
  return unordered({ velo: `${query.velo} EMIT FINAL`, duck: query.duck });
}

function changingGroups(random: Random): RandomQuery {
  const expressions = new ExpressionGenerator(random);
  const { list, groups, having } = grouping(random, expressions);
  return changing(
    build`SELECT ${list} FROM t${where(random, expressions)} GROUP BY ${groups}${having}`,
  );
}

/** Rows of the inner groups are taken back when they change. */
function groupsOfGroups(random: Random): RandomQuery {
  const expressions = new ExpressionGenerator(random);
  const having = random.chance(40) ? ' HAVING COUNT(*) % 3 > 0' : '';
  const inner = build`SELECT ${expressions.of('text', 1)} AS k, SUM(b) AS b, COUNT(*) AS a,
    MIN(d) AS d, MAX(s) AS s FROM t${where(random, expressions)}
    GROUP BY ${same('1')}${same(having)}`;
  const aggregates = same('COUNT(*), COUNT(b), SUM(b), MIN(k), MAX(s), SUM(d), COUNT(DISTINCT d)');
  const query = build`SELECT a, ${aggregates} FROM (${inner}) AS i GROUP BY a`;
  if (random.chance(70)) return changing(query);
  return unordered({ velo: `${query.velo} EMIT FINAL`, duck: query.duck });
}

function sorted(random: Random): RandomQuery {
  const expressions = new ExpressionGenerator(random);
  const keys = listOf(2, () => {
    const direction = random.pick(['ASC NULLS LAST', 'DESC NULLS FIRST', 'ASC NULLS FIRST']);
    // What velo does without NULLS is said to DuckDB, whose default differs.
    const short = direction.replace(/ASC NULLS LAST/, '').replace(/ NULLS FIRST/, '');
    const velo = direction === 'ASC NULLS FIRST' || random.chance(50) ? direction : short;
    return build`${key(expressions)} ${{ velo, duck: direction }}`;
  });
  const limit = same(random.chance(70) ? ` LIMIT ${random.below(30)}` : '');
  const query = build`SELECT id, a, s FROM t${where(random, expressions)} ORDER BY ${keys}, id${limit}`;
  return { ...query, ordered: true };
}

function timeWindows(random: Random): RandomQuery {
  const expressions = new ExpressionGenerator(random);
  const size = random.pick([500, 1000, 7000, 60_000]);
  const advance = random.chance(50) ? size : size / 2;
  const aggregates = listOf(2, (at) => build`${expressions.aggregate()} AS ${same(`n${at}`)}`);
  const filter = where(random, expressions);
  const window =
    advance === size
      ? `TUMBLING(ts, ${size}ms)`
      : `${random.pick(['HOPPING', 'SLIDING'])}(ts, ${size}ms, ${advance}ms)`;
  const velo = `SELECT window_start AS ws, k, ${aggregates.velo} FROM t${filter.velo}
    GROUP BY k WINDOW ${window}`;
  const places = Array.from({ length: size / advance }, (_, at) => `(${at})`).join(', ');
  const start = `make_timestamp((floor(epoch_ms(ts) / ${advance})::BIGINT - place) * ${advance}000)`;
  const duck = `SELECT ${start} AS ws, k, ${aggregates.duck}
    FROM t, (VALUES ${places}) AS places(place)${filter.duck} GROUP BY ${start}, k`;
  return unordered({ velo, duck });
}

function sessions(random: Random): RandomQuery {
  const expressions = new ExpressionGenerator(random);
  const gap = random.pick([1, 999, 1000, 60_000]);
  const aggregates = listOf(2, (at) => build`${expressions.aggregate()} AS ${same(`n${at}`)}`);
  const filter = where(random, expressions);
  const velo = `SELECT _WINDOW_START AS ws, _WINDOW_END AS we, k, ${aggregates.velo}
    FROM t${filter.velo} GROUP BY k WINDOW SESSION(ts, ${gap}ms)`;
  const isNew = `CASE WHEN epoch_ms(ts) - epoch_ms(LAG(ts) OVER w) <= ${gap} THEN 0 ELSE 1 END`;
  const starts = `SELECT *, ${isNew} AS is_new FROM t${filter.duck} WINDOW w AS (PARTITION BY k ORDER BY ts)`;
  const numbered = `SELECT *, SUM(is_new) OVER (PARTITION BY k ORDER BY ts ROWS UNBOUNDED PRECEDING)
    AS session FROM (${starts})`;
  const duck = `SELECT MIN(ts) AS ws, MAX(ts) + INTERVAL '${gap}' MILLISECOND AS we, k,
    ${aggregates.duck} FROM (${numbered}) GROUP BY k, session`;
  return unordered({ velo, duck });
}

/** Rows of one time come in the order of their arrival. */
function standardOver(random: Random): RandomQuery {
  const expressions = new ExpressionGenerator(random);
  const partition = random.chance(60) ? 'PARTITION BY k ' : '';
  const isRows = random.chance(50);
  const frame = isRows ? ` ROWS BETWEEN ${random.below(4)} PRECEDING AND CURRENT ROW` : '';
  const over = {
    velo: `${partition}ORDER BY ts${frame}`,
    duck: `${partition}ORDER BY ts${isRows ? ', id' : ''}${frame}`,
  };
  const calls = listOf(3, (at) => {
    const name = random.pick(['COUNT', 'MIN', 'MAX', 'SUM', 'COUNT']);
    const value = name === 'SUM' ? same(random.pick(['b', 'd'])) : expressions.any(1);
    return build`${same(name)}(${value}) OVER (${over}) AS ${same(`c${at}`)}`;
  });
  return unordered(build`SELECT id, ${calls} FROM t${where(random, expressions)}`);
}

function buffer(random: Random): RandomQuery {
  const expressions = new ExpressionGenerator(random);
  const size = 1 + random.below(6);
  const partition = random.chance(60) ? 'PARTITION BY k ' : '';
  const nearest = random.below(size);
  const isWhole = random.chance(50);
  const frame = isWhole ? [size - 1, 0] : [nearest + random.below(size - nearest), nearest];
  const calls = listOf(3, (at) => {
    const offset = 1 + random.below(size);
    const value = expressions.any(1);
    const name = random.pick(['SUM(b)', 'SUM(d)', 'COUNT(*)', 'AVG(x)', 'COUNT(DISTINCT d)', '']);
    const picks = ['MIN', 'MAX', 'FIRST_VALUE', 'LAST_VALUE', 'COUNT'];
    const call = name === '' ? build`${same(random.pick(picks))}(${value})` : same(name);
    const over = {
      velo: `ROWS WINDOW BUFFER ${size} ROWS ${partition}${isWhole ? '' : frameOf(frame, 'ORDER BY id ')}
        EXPIRE AFTER NEVER`,
      duck: `${partition}${frameOf(frame, 'ORDER BY id ')}`,
    };
    if (offset < size && random.chance(20)) {
      const lag = build`LAG(${value}, ${same(`${offset}`)}) OVER (${{ ...over, duck: `${partition}ORDER BY id` }})`;
      return build`${lag} AS ${same(`c${at}`)}`;
    }
    return build`${call} OVER (${over}) AS ${same(`c${at}`)}`;
  });
  return unordered(build`SELECT id, ${calls} FROM t`);
}

function frameOf([from, to]: readonly number[], order: string): string {
  return `${order}ROWS BETWEEN ${from} PRECEDING AND ${to === 0 ? 'CURRENT ROW' : `${to} PRECEDING`}`;
}

function innerJoin(random: Random): RandomQuery {
  const left = new ExpressionGenerator(random, 't.');
  const right = new ExpressionGenerator(random, 'u.');
  const column = same(random.pick(['a', 'b', 'd', 's', 'k', 'ts', 'f']));
  const more = random.chance(40) ? build` AND ${left.boolean(1)}` : same('');
  const list = build`${left.any(1)} AS c0, ${right.any(1)} AS c1`;
  const join = build`t JOIN u ON t.${column} = u.${column}${more}`;
  return unordered(build`SELECT t.id AS l, u.id AS r, ${list} FROM ${join}`);
}

/** An outer join takes rows back when their partner comes. */
function outerJoin(random: Random): RandomQuery {
  const column = random.pick(['a', 'b', 'd', 's', 'ts']);
  const type = random.pick(['LEFT', 'RIGHT', 'FULL']);
  return changing(
    same(
      `SELECT t.id AS l, t.s, u.id AS r, u.d FROM t ${type} JOIN u ON t.${column} = u.${column}`,
    ),
  );
}

function topN(random: Random): RandomQuery {
  const expressions = new ExpressionGenerator(random);
  const direction = random.pick(['ASC NULLS LAST', 'DESC NULLS FIRST']);
  const order = build`${expressions.any(1)} ${same(direction)}, id`;
  const partition = random.chance(70) ? build`PARTITION BY ${expressions.any(1)} ` : same('');
  const inner = build`SELECT id, s, ROW_NUMBER() OVER (${partition}ORDER BY ${order}) AS n FROM t`;
  const list = random.pick(['id, s', 'id, n']);
  return changing(
    build`SELECT ${same(list)} FROM (${inner}) AS i WHERE n <= ${same(`${1 + random.below(4)}`)}`,
  );
}

function joinBelowAggregate(random: Random): RandomQuery {
  const column = random.pick(['a', 'b', 'd', 's', 'ts']);
  const type = random.pick(['LEFT', 'RIGHT', 'FULL', 'INNER']);
  const list =
    't.k, COUNT(*) AS n, COUNT(u.id) AS m, SUM(u.id) AS s, SUM(t.id) AS z, MAX(u.s) AS x';
  const extra = random.chance(30) ? ' AND t.id < u.id' : '';
  const query = same(
    `SELECT ${list} FROM t ${type} JOIN u ON t.${column} = u.${column}${extra} GROUP BY t.k`,
  );
  if (random.chance(70)) return changing(query);
  return unordered({ velo: `${query.velo} EMIT FINAL`, duck: query.duck });
}

function union(random: Random): RandomQuery {
  const expressions = new ExpressionGenerator(random);
  const branch = (table: string): Expression =>
    build`SELECT id, ${expressions.of('text', 1)} AS c0, ${expressions.of('bigint', 1)} AS c1
      FROM ${same(table)}${where(random, expressions)}`;
  return unordered(build`${branch('t')} UNION ALL ${branch('u')}`);
}

export const QUERY_KINDS = {
  projection,
  distinct,
  'GROUP BY, EMIT FINAL': finalGroups,
  'GROUP BY, EMIT CHANGES': changingGroups,
  'groups of groups': groupsOfGroups,
  'ORDER BY and LIMIT': sorted,
  'TUMBLING and HOPPING windows': timeWindows,
  'SESSION windows': sessions,
  'OVER a time': standardOver,
  'ROWS WINDOW BUFFER': buffer,
  'inner joins': innerJoin,
  'outer joins': outerJoin,
  'joins below an aggregate': joinBelowAggregate,
  'Top-N': topN,
  'UNION ALL': union,
} as const;
