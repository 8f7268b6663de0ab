/** Code fragments: nothing but fragments gets into source, and every part reads back as itself. */
import { describe, expect, test } from 'vitest';
import { compileFunction } from '../../src/codegen/compile.js';
import { Code, CodeWriter, code, identifier, joined, quoted } from '../../src/base/js-code.js';

const run = (body: string): unknown => compileFunction('test', [], body, []);
const evaluate = (fragment: Code): unknown => run(`return ${fragment.text};`);

describe('code', () => {
  test.each([
    0,
    -0,
    1.5,
    -2,
    1e300,
    5e-324,
    NaN,
    Infinity,
    -Infinity,
    12n,
    -(2n ** 80n),
    true,
    false,
  ])('%s reads back as itself beside any operator', (value) => {
    expect(evaluate(code`[${value}][0]`)).toBe(value);
    expect(evaluate(code`typeof ${value}`)).toBe(typeof value);
  });

  test('fragments stand where they are put', () => {
    const sum = code`(${new Code('1')} + ${2})`;
    expect(code`${sum} * ${sum}`.text).toBe('(1 + 2) * (1 + 2)');
    expect(joined([code`a`, code`b`], ', ').text).toBe('a, b');
  });
});

describe('quoted', () => {
  test.each(["it's", '"', '\\', '\n', '${x}', '`', '\u2028', '*/', '\ud83d\ude00', '\u0000'])(
    '%j reads back as itself',
    (text) => {
      expect(evaluate(quoted(text))).toBe(text);
    },
  );
});

describe('identifier', () => {
  test('keeps what a name may have and replaces the rest', () => {
    expect(identifier('total_amount').text).toBe('total_amount');
    expect(identifier('a b;c').text).toBe('a_b_c');
    expect(identifier('caf\u00e9').text).toBe('caf_');
  });

  test.each(['', '1st', 'class', 'Math', 'undefined', 'x'.repeat(99)])(
    '%j becomes a name',
    (wish) => {
      const { text } = identifier(wish);
      expect(run(`const ${text} = 1; return ${text};`)).toBe(1);
    },
  );
});

describe('CodeWriter', () => {
  test('indents blocks and takes over other writers', () => {
    const inner = new CodeWriter().line(code`b();`);
    const writer = new CodeWriter()
      .open(code`if (a)`)
      .append(inner)
      .between(code`else`);
    writer.line(code`c();`).close();
    expect(writer.toString()).toBe('if (a) {\n  b();\n} else {\n  c();\n}\n');
  });

  test('refuses blocks that are not closed', () => {
    expect(() => new CodeWriter().open(code`if (a)`).toString()).toThrow(
      'every open has its close',
    );
    expect(() => new CodeWriter().close()).toThrow('every close has its open');
  });
});
