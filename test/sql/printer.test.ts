/** The canonical text itself: layout of statements, and parentheses only where needed. */
import { expect, it } from 'vitest';
import { printExpression, printScript } from '../../src/sql/printer.js';
import { parseExpression } from '../../src/sql/parser.js';
import { parsed } from './check-tree.js';

it('statements are laid out a line for each clause', () => {
  const text = `create table t (id bigint not null, c as id+1, watermark for ts as ts-interval 5 seconds,
      primary key(id)) with('a'='b','c'='d');
    -- @batch_size: 5
    insert into s with x as (select 1 one) select distinct one o, t.* from x, t as t where not (a or b)
    window hopping(ts,2s,500 ms) group by o emit final limit 5`;
  expect(printScript(parsed(text))).toBe(`CREATE TABLE t (
  id BIGINT NOT NULL,
  c AS id + 1,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND,
  PRIMARY KEY (id) NOT ENFORCED
) WITH (
  'a' = 'b',
  'c' = 'd'
);

-- @batch_size: 5
INSERT INTO s
WITH x AS (SELECT 1 AS one)
SELECT DISTINCT one AS o, t.*
FROM x CROSS JOIN t AS t
WHERE NOT (a OR b)
GROUP BY o
WINDOW HOPPING(ts, 2s, 500ms)
LIMIT 5
EMIT FINAL;
`);
});

it('signs nest as deep in what is printed as in what is written', () => {
  const written = `${'- '.repeat(400)}a`;
  const printed = printExpression(parseExpression(written));
  expect(printExpression(parseExpression(printed))).toBe(printed);
});

it.each([
  ['((a)) + (b * c)', 'a + b * c'],
  ['(a + b) * c - (d - e)', '(a + b) * c - (d - e)'],
  ['not (not a)', 'NOT NOT a'],
  ['-(-a)', '- -a'],
  ['+ - - (a + b)', '+ - -(a + b)'],
  ['(a = b) = (c = d)', 'a = b = (c = d)'],
  ['(a is null) between (b or c) and d', 'a IS NULL BETWEEN (b OR c) AND d'],
  ['cast(a as int)::text', 'CAST(a AS INT)::TEXT'],
  ['(a + b)::int', '(a + b)::INT'],
  ["position('x' in y)", "position('x', y)"],
  ['ceiling(ts to hour)', 'CEIL(ts TO hour)'],
])('%s prints as %s', (text, expected) => {
  expect(printExpression(parseExpression(text))).toBe(expected);
});
