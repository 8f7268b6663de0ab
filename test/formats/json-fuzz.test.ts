/** The JSON decoder against JSON.parse: what is accepted, what is refused, what comes out. */
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { BIGINT, BOOLEAN, decimalType, DOUBLE, VARCHAR } from '../../src/columnar/types.js';
import type { SqlValue } from '../../src/columnar/types.js';
import { parseNumberText, partsToBigint, partsToDecimal } from '../../src/functions/decimal.js';
import { createJsonDecoder } from '../../src/formats/json/json.js';
import type { DecoderColumn } from '../../src/formats/decoder.js';
import { anyText, decodeMessages, decodeText } from './decode-support.js';

const SEED = 20_240_115;
const encoder = new TextEncoder();

const TEXT_COLUMNS: DecoderColumn[] = ['a', 'b', 'é', 'k\n'].map((name) => ({
  name,
  type: VARCHAR,
}));

const key = fc.constantFrom('a', 'b', 'é', 'k\n', 'x', '');
const scalar = fc.oneof(
  anyText,
  fc.string(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.constant(null),
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    tie('list'),
    tie('object'),
  ),
  list: fc.array(tie('value'), { maxLength: 3 }),
  object: fc.dictionary(key, tie('value'), { maxKeys: 4 }),
}));
const document = fc.array(fc.tuple(key, value), { maxLength: 7 });

/** JSON text of members in their order, duplicates included, with spaces and escapes of choice. */
function documentText(members: readonly (readonly [string, unknown])[], style: number): string {
  const space = ['', ' ', '\t', ' \r '][style & 3]!;
  const escaped = (text: string): string =>
    (style & 4) === 0
      ? text
      : text.replace(
          /[^\x20-\x7e]/g,
          (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
        );
  const parts = members.map(
    ([name, member]) =>
      `${space}${escaped(JSON.stringify(name))}${space}:${space}${escaped(JSON.stringify(member))}${space}`,
  );
  return `${space}{${parts.join(',')}}${space}`;
}

/** What VARCHAR makes of a parsed value; undefined for nested ones, whose spelling counts. */
function textOf(parsed: unknown, spelled: string | undefined): SqlValue | undefined {
  if (parsed === null || parsed === undefined) return null;
  if (typeof parsed === 'string') return new TextDecoder().decode(encoder.encode(parsed));
  if (typeof parsed === 'boolean') return String(parsed);
  return spelled;
}

/** JSON.parse on bytes; undefined when they are no object. */
function parseBytes(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const parsed: unknown = JSON.parse(text);
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
    return isObject ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

describe('JSON documents against JSON.parse', () => {
  test('the values of random documents come out, whatever their order, spaces and escapes', () => {
    // One decoder sees all documents, so that its kernel meets layouts it was not made for.
    const decoder = createJsonDecoder(TEXT_COLUMNS);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(document, fc.nat(7)), { minLength: 1, maxLength: 40 }),
        (docs) => {
          const texts = docs.map(([members, style]) => documentText(members, style));
          const rows = decodeMessages(decoder, TEXT_COLUMNS, texts);
          texts.forEach((text, row) => {
            const parsed = JSON.parse(text) as Record<string, unknown>;
            const expected = TEXT_COLUMNS.map(({ name }) => {
              const spelled = Object.hasOwn(parsed, name) ? parsed[name] : undefined;
              return textOf(spelled, typeof spelled === 'number' ? String(spelled) : undefined);
            });
            const got = rows[row]!.values;
            expect(rows[row]!.failure).toBeNull();
            expected.forEach((wanted, column) => {
              if (wanted !== undefined) expect(got![column]).toBe(wanted);
              else
                expect(JSON.parse(got![column] as string)).toEqual(
                  parsed[TEXT_COLUMNS[column]!.name],
                );
            });
          });
        },
      ),
      { seed: SEED, numRuns: 60 },
    );
  });

  test('mutated documents are refused exactly when JSON.parse refuses them', () => {
    const decoder = createJsonDecoder(TEXT_COLUMNS);
    const regular = Array.from(
      { length: 50 },
      (_, i) => `{"a":"t${i}","b":${i}.5,"x":${i},"é":null}`,
    );
    decodeMessages(decoder, TEXT_COLUMNS, regular);
    const byte = fc.oneof(
      fc.constantFrom(...encoder.encode('{}[]",:\\u0123eE+-.tfn \t\n\r/')),
      fc.nat(255),
    );
    const mutation = fc.tuple(fc.nat(), fc.constantFrom('set', 'insert', 'delete', 'cut'), byte);
    const source = fc.oneof(
      fc.tuple(document, fc.nat(7)).map(([members, style]) => documentText(members, style)),
      fc.constantFrom(...regular),
    );
    let refused = 0;
    fc.assert(
      fc.property(source, fc.array(mutation, { minLength: 1, maxLength: 3 }), (text, mutations) => {
        const bytes = mutations.reduce(mutate, encoder.encode(text));
        const parsed = parseBytes(bytes);
        const [row] = decodeMessages(decoder, TEXT_COLUMNS, [bytes]);
        expect(row!.failure === null).toBe(parsed !== undefined);
        if (parsed === undefined) {
          refused += 1;
          expect(row!.failure!.key).toBe('DECODE');
        }
      }),
      { seed: SEED, numRuns: 5000 },
    );
    expect(refused).toBeGreaterThan(1500);
  });

  test('numbers convert as the exact reading of their text says, narrow and wide kernels alike', () => {
    const decimal = decimalType(20, 4);
    const columns: DecoderColumn[] = [
      { name: 'd', type: DOUBLE },
      { name: 'n', type: BIGINT },
      { name: 'm', type: decimal },
      { name: 't', type: VARCHAR },
    ];
    const digits = (max: number): fc.Arbitrary<string> =>
      fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: max });
    const number = (max: number): fc.Arbitrary<string> =>
      fc
        .tuple(
          fc.constantFrom('', '-'),
          digits(max).map((text) => text.replace(/^0+(?=\d)/, '')),
          fc.option(digits(max), { nil: null }),
          fc.option(fc.integer({ min: -30, max: 30 }), { nil: null, freq: 8 }),
        )
        .map(([sign, whole, fraction, exponent]) => {
          const rest = fraction === null ? '' : `.${fraction}`;
          return `${sign}${whole}${rest}${exponent === null ? '' : `e${exponent}`}`;
        });
    // Short numbers keep the columns narrow, so that the kernel itself reads them.
    const numbers = fc
      .constantFrom(3, 8, 12, 20)
      .chain((max) => fc.array(number(max), { minLength: 1, maxLength: 30 }));
    fc.assert(
      fc.property(numbers, fc.constantFrom('12.5', '1234567890.5'), (spellings, usual) => {
        const decoder = createJsonDecoder(columns);
        const record = (spelled: string): string =>
          `{"d":${spelled},"n":"0","m":${spelled},"t":${spelled}}`;
        const wholeRecord = (spelled: string): string => `{"d":1,"n":${spelled},"m":1,"t":"x"}`;
        decodeMessages(decoder, columns, new Array<string>(40).fill(record(usual)));
        const rows = decodeMessages(decoder, columns, spellings.map(record));
        const wholes = decodeMessages(decoder, columns, spellings.map(wholeRecord));
        spellings.forEach((spelled, row) => {
          const parts = parseNumberText(spelled)!;
          const unscaled = partsToDecimal(parts, 20, 4);
          const expected = [Number(spelled), 0n, unscaled, spelled];
          expect(rows[row]!.values).toEqual(unscaled === undefined ? null : expected);
          expect(wholes[row]!.values?.[1]).toBe(partsToBigint(parts));
        });
      }),
      { seed: SEED, numRuns: 200 },
    );
  });

  test('lines decode as messages do', () => {
    const columns: DecoderColumn[] = [
      { name: 'a', type: BIGINT },
      { name: 'b', type: DOUBLE },
      { name: 'c', type: VARCHAR },
      { name: 'd', type: BOOLEAN },
    ];
    const record = fc.record(
      {
        a: fc.oneof(fc.integer(), fc.constant('12'), fc.constant(1.5)),
        b: fc.double({ noNaN: true, noDefaultInfinity: true }),
        c: fc.oneof(fc.string(), fc.constant(null)),
        d: fc.boolean(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        fc.array(record, { maxLength: 120 }),
        fc.integer({ min: 1, max: 50 }),
        (docs, max) => {
          const texts = docs.map((doc) => JSON.stringify(doc));
          const lines = texts.map((text, i) => text + ['\n', '\r\n', '  \n', '\n\n \r\n'][i % 4]!);
          const asMessages = decodeMessages(createJsonDecoder(columns), columns, texts);
          const asLines = decodeText(createJsonDecoder(columns), columns, lines.join(''), max);
          expect(asLines.rows).toEqual(asMessages);
        },
      ),
      { seed: SEED, numRuns: 60 },
    );
  });
});

function mutate(
  bytes: Uint8Array,
  [place, kind, byte]: readonly [number, string, number],
): Uint8Array {
  const at = bytes.length === 0 ? 0 : place % bytes.length;
  if (kind === 'set') return bytes.map((old, index) => (index === at ? byte : old));
  if (kind === 'insert')
    return Uint8Array.of(...bytes.subarray(0, at), byte, ...bytes.subarray(at));
  if (kind === 'delete') return Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 1));
  return bytes.slice(0, at);
}
