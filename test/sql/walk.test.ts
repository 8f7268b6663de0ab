/** Walking sees every node in the order of the text; comparing sees neither place nor layout. */
import { describe, expect, it } from 'vitest';
import { parseExpression } from '../../src/sql/parser.js';
import { printExpression } from '../../src/sql/printer.js';
import { sameSyntax, someExpression, stripSpans, walkScript } from '../../src/sql/walk.js';
import { parsed } from './check-tree.js';

const EVERYWHERE = `
  CREATE TABLE t (a1 AS a2, WATERMARK FOR a AS a3) WITH ('a' = 'b');
  INSERT INTO s WITH c AS (SELECT b1) SELECT b2, f(b3 ORDER BY b4) WITHIN GROUP (ORDER BY b5)
    FILTER (WHERE b6) OVER (PARTITION BY b7 ORDER BY b8 ROWS BETWEEN b9 PRECEDING AND c1 FOLLOWING)
  FROM x FOR SYSTEM_TIME AS OF c2 JOIN (SELECT c3) y ON c4, TABLE(TUMBLE(TABLE t PARTITION BY c5,
    DESCRIPTOR(ts), 1m))
  WHERE c6 IN (c7, CASE c8 WHEN c9 THEN d1 ELSE d2 END) AND d3 IN (SELECT d4) GROUP BY d5
  WINDOW TUMBLING(d6, 1m) WINDOW w AS (ORDER BY d7) HAVING d8 LIKE d9 ESCAPE e1
  UNION ALL SELECT MAP[e2, e3], ARRAY[e4], ROW(e5), e6[e7], EXISTS (SELECT e8), (SELECT e9)
  ORDER BY f1 BETWEEN f2 AND f3, f4 IS DISTINCT FROM f5, EXTRACT(YEAR FROM f6), -f7::INT LIMIT f8`;

describe('walkScript', () => {
  it('visits every column in the order of the text', () => {
    const script = parsed(EVERYWHERE);
    const seen: string[] = [];
    walkScript(script, {
      expression: (node) => void (node.kind === 'column' && seen.push(printExpression(node))),
    });
    // The first, a1, is the name of a column, not a reference to one.
    expect(seen).toEqual(EVERYWHERE.match(/\b[a-f][1-9]\b/g)?.slice(1));
  });

  it('leaves out what a hook skips', () => {
    const seen: string[] = [];
    walkScript(parsed(EVERYWHERE), {
      select: () => 'skip',
      expression: (node) => void (node.kind === 'column' && seen.push(printExpression(node))),
    });
    expect(seen).toEqual(['a2', 'a3', 'f1', 'f2', 'f3', 'f4', 'f5', 'f6', 'f7', 'f8']);
  });

  it('finds an expression', () => {
    const isCall = (node: { kind: string }) => node.kind === 'call';
    expect(someExpression(parseExpression('1 + (SELECT f(x))'), isCall)).toBe(true);
    expect(someExpression(parseExpression('1 + a'), isCall)).toBe(false);
  });
});

describe('comparison', () => {
  it('does not see place, layout or the letter case of plain names', () => {
    const [a, b] = [parseExpression('Sum( a ) + "B"'), parseExpression('sum(A)+"B"')];
    expect(sameSyntax(a, b)).toBe(true);
    expect(stripSpans(a)).not.toEqual(stripSpans(b));
  });

  it.each([
    ['"B"', '"b"'],
    ["'a'", "'A'"],
    ['a', '"a"'],
    ['1', '1.0'],
  ])('tells %s from %s', (a, b) => {
    expect(sameSyntax(parseExpression(a), parseExpression(b))).toBe(false);
  });
});
