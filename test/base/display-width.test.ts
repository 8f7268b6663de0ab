/** The width of texts on a terminal, and cutting and folding by it. */
import { describe, expect, it } from 'vitest';
import { cutToWidth, displayWidth, padToWidth, wrapToWidth } from '../../src/base/display-width.js';

describe('display width', () => {
  it.each([
    ['', 0],
    ['plain text', 10],
    ['grüße', 5],
    ['e\u0301', 1],
    ['東京', 4],
    ['한글', 4],
    ['ｶﾞ', 2],
    ['Ａ', 2],
    ['🎉', 2],
    ['👩‍👩‍👧', 2],
    ['🇫🇷', 2],
    ['1️⃣', 2],
    ['👍🏽!', 3],
    ['a\u200bb', 2],
    ['ไทย', 3],
    ['│─…', 3],
  ])('of %j is %i', (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });

  it('cuts between what a reader sees as characters', () => {
    expect(cutToWidth('four', 4)).toBe('four');
    expect(cutToWidth('fiver', 4)).toBe('fiv…');
    expect(cutToWidth('東京都', 6)).toBe('東京都');
    expect(cutToWidth('東京都庁', 6)).toBe('東京…');
    expect(cutToWidth('a👩‍👩‍👧b', 3)).toBe('a…');
    expect(cutToWidth('e\u0301e\u0301e\u0301', 2)).toBe('e\u0301…');
  });

  it('folds at spaces, else anywhere, and never beyond the width', () => {
    expect(wrapToWidth('', 4)).toEqual(['']);
    expect(wrapToWidth('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrapToWidth('one two three', 8)).toEqual(['one two', 'three']);
    expect(wrapToWidth('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij']);
    expect(wrapToWidth('a bcdefghij', 6)).toEqual(['a bcde', 'fghij']);
    expect(wrapToWidth('東京都庁', 5)).toEqual(['東京', '都庁']);
    expect(wrapToWidth('東京', 1)).toEqual(['東', '京']);
    for (let width = 2; width < 12; width += 1) {
      const lines = wrapToWidth('some 東京 text 🎉🎉 with e\u0301 all kinds', width);
      for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width);
      expect(lines.join('').replaceAll(' ', '')).toBe('some東京text🎉🎉withe\u0301allkinds');
    }
  });

  it('pads by what is seen', () => {
    expect(padToWidth('東', 4)).toBe('東  ');
    expect(padToWidth('東', 4, 'left')).toBe('  東');
    expect(padToWidth('longer', 4)).toBe('longer');
  });
});
