/**
 * Texts for law 6: a list that goes through the whole grammar, and every SQL text of the repository
 * (scenarios, the sql sections of the case files), found by name.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);

export interface CorpusText {
  readonly name: string;
  readonly sql: string;
  /** The case expects an error, perhaps one of syntax. */
  readonly mayFail: boolean;
}

function filesBelow(folder: string, extension: string): string[] {
  const path = fileURLToPath(new URL(folder, ROOT));
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(extension))
    .map((name) => `${path}/${name}`)
    .sort();
}

/** The sql section of a case file. */
function caseText(path: string): CorpusText {
  const sections = readFileSync(path, 'utf8').split(/^=== /m);
  const sql = sections.find((section) => section.startsWith('sql')) ?? '';
  const mayFail = sections.some((section) => section.startsWith('error'));
  return { name: path, sql: sql.slice(sql.indexOf('\n') + 1), mayFail };
}

export function repositoryTexts(): CorpusText[] {
  const scenarios = filesBelow('scenarios', '.sql').map((path) => ({
    name: path,
    sql: readFileSync(path, 'utf8'),
    mayFail: false,
  }));
  return [...scenarios, ...filesBelow('test/cases', '.case').map(caseText)];
}

export const SCRIPTS: readonly string[] = [
  `CREATE TABLE orders (
     order_id BIGINT, customer_id BIGINT, total_amount DOUBLE, ts TIMESTAMP(3),
     WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
   ) WITH ('connector' = 'kafka', 'properties.bootstrap.servers' = '\${BROKERS:-localhost:9092}');
   SELECT customer_id, COUNT(*) AS n, SUM(total_amount) AS total
   FROM orders WHERE total_amount > 100
   GROUP BY customer_id WINDOW TUMBLING(ts, INTERVAL '1' MINUTE) EMIT FINAL;`,
  `CREATE STREAM IF NOT EXISTS s (a ARRAY<BIGINT>, m MAP<STRING, ARRAY<ROW<x INT, y DECIMAL(10, 2)>>>,
     b INT[], r ROW(x INT), p DOUBLE PRECISION, l TIMESTAMP(3) WITH LOCAL TIME ZONE,
     w TIMESTAMP WITHOUT TIME ZONE NOT NULL COMMENT 'when', k STRING PRIMARY KEY NOT ENFORCED,
     o BIGINT METADATA FROM 'offset' VIRTUAL, q INT METADATA, c AS a[1] + 1, d STRING AS UPPER(k),
     n INT NULL) COMMENT 'a table' WITH ()`,
  `CREATE TEMPORARY TABLE t (id BIGINT, CONSTRAINT pk PRIMARY KEY (id) NOT ENFORCED) WITH ('a' = 'b')`,
  `CREATE TABLE t WITH ('connector' = 'generator'); CREATE TABLE u (WATERMARK FOR x AS x)`,
  `CREATE TABLE big WITH ('connector' = 'blackhole') AS SELECT id FROM orders WHERE amount > 100;
   CREATE STREAM small AS WITH x AS (SELECT 1 AS one) SELECT one FROM x`,
  `INSERT INTO sink SELECT * FROM t; INSERT INTO sink (a, "B") SELECT 1, 2;
   INSERT INTO sink (SELECT a FROM t) UNION ALL (SELECT b FROM u);
   INSERT INTO sink WITH x (c) AS (SELECT 1) SELECT c FROM x`,
  `SET 'late.strategy' = 'process-all'; SET 'it''s' = ''; ;; SELECT 1`,
  `-- @job_mode: simple
   --@batch_size:500
   -- a plain comment: no annotation
   -- @expect.rows: 1
   SELECT 1; /* -- @not: one */ -- @for: the insert
   SET 'a' = 'b'; INSERT INTO t SELECT 1 -- @inside: too
   ;`,
  `SELECT DISTINCT a, t.*, *, b AS c, d e, f "g h", t."i""j", \`k\`\`l\` FROM t`,
  `SELECT t.order, t.select AS from, x.y.z FROM t AS where`,
  `SELECT timestamp, value, date, first, rows, window, key, type, name, time, day, symbol, price,
     end, start, row, interval, map, array, filter, over, partition, range, emit, "limit", set, to,
     current, last, table, stream, hop, session, position, extract, cast, all, by, desc, exists
   FROM t ORDER BY timestamp, window DESC NULLS LAST, first ASC NULLS FIRST`,
  `SELECT AVG(price) OVER (ROWS WINDOW BUFFER 100 ROWS PARTITION BY symbol ORDER BY timestamp) FROM m`,
  `SELECT a FROM t, u CROSS JOIN v, (w JOIN x ON w.a = x.a) JOIN y USING (a, b) LEFT OUTER JOIN z
     ON TRUE RIGHT JOIN q ON 1 = 1 FULL OUTER JOIN r ON FALSE INNER JOIN s USING (c)`,
  `SELECT o.id, r.rate FROM orders AS o LEFT JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.c = r.c
     JOIN more m FOR SYSTEM_TIME AS OF PROCTIME() ON TRUE`,
  `SELECT * FROM 'trades.jsonl' t; SELECT * FROM 'kafka://localhost:9092/trades'`,
  `SELECT * FROM (SELECT a FROM (SELECT b AS a FROM t LIMIT 3) LIMIT 2) AS x WHERE a IN (SELECT 1)`,
  `SELECT 1 UNION SELECT 2 UNION ALL SELECT 3; SELECT 1 UNION ALL (SELECT 2 UNION SELECT 3);
   (SELECT 1 LIMIT 1) UNION ALL (SELECT 2 ORDER BY 1) ORDER BY 1 LIMIT 5; ((SELECT 1)) LIMIT 1`,
  `SELECT k, COUNT(*) AS n FROM t WINDOW TUMBLING(ts, 10s) EMIT FINAL HAVING n > 1 GROUP BY k`,
  `SELECT k FROM t GROUP BY k WINDOW HOPPING(t.ts, 2s, 500ms) EMIT CHANGES ORDER BY k LIMIT 3 INTO s
     WITH ('a' = 'b')`,
  `SELECT k FROM t EMIT CHANGES LIMIT 5; SELECT k FROM t LIMIT 5 EMIT CHANGES; SELECT 1 LIMIT -1.5`,
  `SELECT 1 FROM t WINDOW TUMBLING(5); SELECT 1 FROM t WINDOW TUMBLING(1.5h);
   SELECT 1 FROM t WINDOW SLIDING(ts, INTERVAL 1 MINUTE, 5 seconds);
   SELECT 1 FROM t WINDOW SESSION(interval, -5 min); SELECT 1 FROM t WINDOW TUMBLING(window, 1 d)`,
  `SELECT MAX(v) OVER w, COUNT(*) OVER x FROM t WINDOW w AS (PARTITION BY k ORDER BY ts),
     x AS (w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) WINDOW TUMBLING(ts, 1m)`,
  `SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) AS w;
   SELECT * FROM TABLE(HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '20' SECOND, INTERVAL '1' MINUTE));
   SELECT * FROM TABLE(CUMULATE(TABLE t, DESCRIPTOR(ts), 30s, 2m, 5s));
   SELECT * FROM TABLE(SESSION(TABLE t PARTITION BY a, b, DESCRIPTOR(ts), 34s));
   SELECT * FROM SESSION((SELECT * FROM t) PARTITION BY (a, b + 1), DESCRIPTOR(ts), 34s) x;
   SELECT * FROM TABLE(HOP(DATA => TABLE t PARTITION BY k, TIMECOL => DESCRIPTOR(ts),
     SIZE => INTERVAL '1' MINUTE, SLIDE => INTERVAL '20' SECOND))`,
  `SELECT f(x) OVER (ROWS WINDOW BUFFER 5 ROWS PARTITION BY a, b ORDER BY c DESC
       ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING EMIT ON BUFFER FULL
       EXPIRE AFTER INTERVAL '1' MINUTE INACTIVITY),
     f(x) OVER (ROWS WINDOW BUFFER 5 ROWS EMIT EVERY RECORD EXPIRE AFTER 30 INACTIVITY),
     f(x) OVER (ROWS WINDOW BUFFER 5 ROWS NEVER), f(x) OVER (),
     f(x) OVER (ROWS WINDOW BUFFER 5 ROWS EXPIRE AFTER NEVER),
     f(x) OVER (ORDER BY ts RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND UNBOUNDED FOLLOWING),
     f(x) OVER (ORDER BY ts ROWS UNBOUNDED PRECEDING), f(x) OVER (ROWS 3 PRECEDING),
     f(x) OVER (ORDER BY ts ROWS (unbounded) PRECEDING), f(x) OVER (ROWS current PRECEDING),
     f(x) OVER (w), f(x) OVER w, COUNT(*) OVER
   FROM t`,
];

export const EXPRESSIONS: readonly string[] = [
  'a or b AND not c = d || e + f * -g::INT[1]',
  '((a OR b) AND c)',
  'NOT (a AND b)',
  'NOT NOT a',
  '- - a',
  '-(-4.5)',
  '-(a + b) * +c',
  '(a = b) = c',
  'a = (b = c)',
  'a - (b - c) - d',
  'a / (b * c) % d',
  "s || '!' = 'abc!'",
  'a IS NULL AND b IS NOT NULL OR c IS TRUE = d IS NOT FALSE',
  'a IS UNKNOWN',
  'a IS NOT DISTINCT FROM b + 1',
  '(a IS DISTINCT FROM b) IS NOT TRUE',
  "a IN (1, 'x', b + 1) AND c NOT IN (SELECT d FROM t)",
  'a IN ((SELECT 1) UNION ALL SELECT 2)',
  'a NOT BETWEEN 1 AND 2 AND b BETWEEN c + 1 AND (d OR e)',
  "a LIKE 'x!%' ESCAPE '!' OR b NOT LIKE c || '%'",
  'CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END',
  'CASE a + 1 WHEN 1 THEN CASE WHEN b THEN c END END',
  'CAST(a AS DECIMAL(10, 2)) + TRY_CAST(b AS MAP<STRING, BIGINT>)',
  'a::BIGINT::TEXT < b',
  '(a + b)::DOUBLE',
  'x::INT[]',
  'a[1][b + 1]',
  '(a || b)[1]',
  '(map)[1] + "map"[1]',
  'ARRAY[1, 2][1] + ARRAY[]',
  "MAP['k', 1, 'l', ROW(1, 2)]['k']",
  'MAP[]',
  'ROW()',
  'NOW() > CURRENT_TIMESTAMP',
  'COUNT(*) + COUNT(DISTINCT a) - SUM(b) FILTER (WHERE c > 0)',
  "LISTAGG(a, ',' ORDER BY b DESC, c)",
  'PERCENTILE_CONT(0.3) WITHIN GROUP (ORDER BY v DESC NULLS LAST)',
  'FIRST_VALUE(a) FILTER (WHERE b) OVER (PARTITION BY c)',
  'EXTRACT(YEAR FROM ts) + EXTRACT(x)',
  "POSITION('T' IN name) + POSITION('t', name) + POSITION((a = b), c)",
  'FLOOR(ts TO HOUR) + FLOOR(x) + CEILING(ts TO DAY) + CEIL(y, 1)',
  'LEFT(name, 4) || RIGHT(name, 7) || REPLACE(a, b, c) || IF(a, b, c)',
  "INTERVAL '1' HOUR + INTERVAL 5 MINUTES - INTERVAL '-1.5' day + INTERVAL '3 weeks'",
  "TIMESTAMP '2024-01-01 00:00:00' - DATE '2024-01-01'",
  'timestamp + date + interval',
  '1 + 1.50 + .5 + 1e3 + 1.5E-7 + 12345678901234567890.5 + 9223372036854775807',
  "'it''s' || '' || '''' || 'a\\nb' || 'two\nlines' || '-- no comment'",
  'TRUE AND false OR Null',
  'EXISTS (SELECT 1) AND NOT EXISTS (WITH x AS (SELECT 1) SELECT * FROM x)',
  '(SELECT MAX(a) FROM t) + 1',
  '((SELECT 1) + 1)',
  '((SELECT 1 LIMIT 1) LIMIT 2) + ((SELECT 2))',
  'a.b.c + "A b"."C""d" + `e``f`',
  'a /* comment */ + -- another\n b',
  'größe + 名前 + a$1 + _x',
  "DATEDIFF('hours', a, b) + TIMESTAMPDIFF(SECOND, a, b)",
  'a <> b != c <= d >= e < f > g',
];
