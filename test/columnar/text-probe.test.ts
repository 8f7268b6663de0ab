/**
 * The short cut to a dictionary's codes: the same code as the dictionary's own search, for texts
 * that share beginnings, ends and lengths, while the dictionary grows and others write to it too.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Dictionary } from '../../src/columnar/dictionary.js';
import { lastWord, TextProbe, wordHash } from '../../src/columnar/text-probe.js';

const SEED = 20261124;

describe('a probe of a dictionary', () => {
  it(`finds the dictionary's code for every text (seed ${SEED})`, () => {
    // Few letters: many texts differ in one byte only, somewhere.
    const text = fc
      .array(fc.constantFrom('a', 'b'), { maxLength: 21 })
      .map((letters) => letters.join(''));
    const step = fc.record({ text, besides: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 400 }), (steps) => {
        const dictionary = new Dictionary();
        const probe = new TextProbe(dictionary);
        for (const { text: each, besides } of steps) {
          if (besides) dictionary.internText(`${each}!`);
          const code = codeOf(probe, each);
          expect(dictionary.text(code)).toBe(each);
          expect(dictionary.internText(each)).toBe(code);
        }
      }),
      { seed: SEED, numRuns: 200 },
    );
  });

  it('keeps up with a dictionary of tens of thousands of texts', () => {
    const dictionary = new Dictionary();
    const probe = new TextProbe(dictionary);
    const codes = Array.from({ length: 40_000 }, (_, at) => codeOf(probe, `customer-${at}-eu`));
    expect(new Set(codes).size).toBe(40_000);
    codes.forEach((code, at) => {
      expect(codeOf(probe, `customer-${at}-eu`)).toBe(code);
    });
  });
});

/** As a decoder asks: whole words hashed on the way, the text amid other bytes. */
function codeOf(probe: TextProbe, text: string): number {
  const bytes = Buffer.from(`  ${text}"xxxx`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const { length } = text;
  let hash = 0;
  let at = 2;
  for (; at + 4 <= length + 2; at += 4) hash = wordHash(hash, view.getInt32(at, true));
  const last = lastWord(view.getInt32(at, true), length + 2 - at);
  return probe.code(bytes, view, 2, length, hash, last);
}
