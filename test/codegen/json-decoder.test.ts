/** The text of a JSON kernel, as a golden: review a difference as you would review code. */
import { expect, test } from 'vitest';
import { jsonKernelSource } from '../../src/codegen/json/json-decoder.js';

const lead = (text: string): Uint8Array => new TextEncoder().encode(text);

test('a kernel reads text, whole numbers and doubles inline and steps over the rest', () => {
  const source = jsonKernelSource({
    slots: [
      { lead: lead('{"s":'), value: { kind: 'text', column: 0 } },
      { lead: lead(',"n":'), value: { kind: 'integer', column: 1, wide: false } },
      { lead: lead(',"x":'), value: { kind: 'skip', shape: 'number' } },
      { lead: lead(',"d":'), value: { kind: 'double', column: 2, wide: true } },
      {
        lead: lead(',"m":'),
        value: { kind: 'decimal', column: 3, wide: false, precision: 9, scale: 2 },
      },
      { lead: lead(',"y":'), value: { kind: 'skip', shape: 'text' } },
      { lead: lead(',"b":'), value: { kind: 'cell', column: 4 } },
    ],
    columnCount: 5,
  });
  expect(source).toMatchInlineSnapshot(`
    "return function readRecord(bytes, view, from, row) {
      let at = from, step = 0, digit = 0, start = 0, whole = 0, fraction = 0;
      let hash = 0, text = 0, number = 0, tail = 0, limit = 0;
      let word = 0, flags = 0, count = 0;
      let exact = 0.5, negative = false;
      const size = view.byteLength, last = size - 4;
      let seen0 = 0;
      for (;;) {
        switch (step) {
          case 0:
          if (at > size - 5 || view.getInt32(at + 0, true) !== 577970811 || view.getInt32(at + 1, true) !== 975336226) {
            at = seek(bytes, at, 0);
            if (at < 0) return -1;
            step = state[0];
            continue;
          }
          at = at + 5 | 0;
          case 1:
          value: {
            if (bytes[at] === 34) {
              text = at + 1 | 0;
              start = text;
              hash = 0;
              flags = 0;
              while (text <= last) {
                word = view.getInt32(text, true);
                flags = ((word ^ 572662306) - 16843009 | (word ^ 1549556828) - 16843009 | word - 538976288 | word) & (-2139062144);
                if (flags !== 0) break;
                hash = wordHash(hash, word);
                text = text + 4 | 0;
              }
              if (flags === 0) return -1;
              count = 31 - Math.clz32(flags & ~(flags - 1)) >> 3;
              text = text + count | 0;
              if (bytes[text] === 34) {
                word = lastWord(word, count);
                number = probe0.code(bytes, view, start, text - start | 0, hash, word);
                if (number >= 65536) return -1;
                values0[row] = number;
                at = text + 1 | 0;
                seen0 |= 1;
                break value;
              }
            }
            at = readCell0(bytes, at, row);
            if (at < 0) {
              if (at === -1) return -1;
              at = -2 - at | 0;
              seen0 &= (-2);
              break value;
            }
            seen0 |= 1;
          }
          case 2:
          if (at > size - 5 || view.getInt32(at + 0, true) !== 577643052 || view.getInt32(at + 1, true) !== 975334946) {
            at = seek(bytes, at, 1);
            if (at < 0) return -1;
            step = state[0];
            continue;
          }
          at = at + 5 | 0;
          case 3:
          value: {
            start = at;
            negative = bytes[at] === 45;
            if (negative) at = at + 1 | 0;
            text = at;
            number = 0;
            flags = 0;
            while (at <= last) {
              word = view.getInt32(at, true) ^ 808464432;
              flags = (word + 1987475062 | word) & (-2139062144);
              if (flags !== 0) break;
              number = Math.imul(number, 10000) + fourDigits(word) | 0;
              at = at + 4 | 0;
            }
            if (flags === 0) return -1;
            count = 31 - Math.clz32(flags & ~(flags - 1)) >> 3;
            word = lastWord(word, count);
            number = Math.imul(number, tens[count]) + fourDigits(word) | 0;
            at = at + count | 0;
            digit = bytes[at] - 48 | 0;
            whole = at - text | 0;
            if (whole > 0 && (whole === 1 || bytes[text] !== 48)) {
              if (whole <= 9 && digit !== -2 && (digit + 48 | 32) !== 101) {
                exact = number;
                values1[row] = negative ? 0 - exact : exact;
                seen0 |= 2;
                break value;
              }
            }
            at = start;
            at = readCell1(bytes, at, row);
            if (at < 0) {
              if (at === -1) return -1;
              at = -2 - at | 0;
              seen0 &= (-3);
              break value;
            }
            seen0 |= 2;
          }
          case 4:
          if (at > size - 5 || view.getInt32(at + 0, true) !== 578298412 || view.getInt32(at + 1, true) !== 975337506) {
            at = seek(bytes, at, 2);
            if (at < 0) return -1;
            step = state[0];
            continue;
          }
          at = at + 5 | 0;
          case 5:
          value: {
            start = at;
            if (bytes[at] === 45) at = at + 1 | 0;
            text = at;
            flags = 0;
            while (at <= last) {
              word = view.getInt32(at, true) ^ 808464432;
              flags = (word + 1987475062 | word) & (-2139062144);
              if (flags !== 0) break;
              at = at + 4 | 0;
            }
            if (flags === 0) return -1;
            count = 31 - Math.clz32(flags & ~(flags - 1)) >> 3;
            at = at + count | 0;
            digit = bytes[at] - 48 | 0;
            whole = at - text | 0;
            if (whole > 0 && (whole === 1 || bytes[text] !== 48) && digit !== -2 && (digit + 48 | 32) !== 101) {
              break value;
            }
            at = start;
            if ((at = skipValue(bytes, at)) < 0) return -1;
          }
          case 6:
          if (at > size - 5 || view.getInt32(at + 0, true) !== 576987692 || view.getInt32(at + 1, true) !== 975332386) {
            at = seek(bytes, at, 3);
            if (at < 0) return -1;
            step = state[0];
            continue;
          }
          at = at + 5 | 0;
          case 7:
          value: {
            start = at;
            negative = bytes[at] === 45;
            if (negative) at = at + 1 | 0;
            text = at;
            number = 0;
            tail = 0;
            limit = at + 9 | 0;
            digit = bytes[at] - 48 | 0;
            while (digit >= 0 && digit <= 9 && at < limit) {
              number = Math.imul(number, 10) + digit | 0;
              at = at + 1 | 0;
              digit = bytes[at] - 48 | 0;
            }
            while (digit >= 0 && digit <= 9) {
              tail = Math.imul(tail, 10) + digit | 0;
              at = at + 1 | 0;
              digit = bytes[at] - 48 | 0;
            }
            whole = at - text | 0;
            if (whole > 0 && (whole === 1 || bytes[text] !== 48)) {
              fraction = 0;
              if (digit === -2) {
                at = at + 1 | 0;
                text = at;
                limit = limit + 1 | 0;
                digit = bytes[at] - 48 | 0;
                while (digit >= 0 && digit <= 9 && at < limit) {
                  number = Math.imul(number, 10) + digit | 0;
                  at = at + 1 | 0;
                  digit = bytes[at] - 48 | 0;
                }
                while (digit >= 0 && digit <= 9) {
                  tail = Math.imul(tail, 10) + digit | 0;
                  at = at + 1 | 0;
                  digit = bytes[at] - 48 | 0;
                }
                fraction = at - text | 0;
                if (fraction === 0) fraction = 99;
              }
              if (whole + fraction <= 18 && (digit + 48 | 32) !== 101) {
                if (whole + fraction > 15) {
                  exact = longQuotient(number, tail, whole + fraction - 9, fraction);
                } else {
                  exact = number;
                  if (whole + fraction > 9) {
                    exact = exact * powersOfTen[whole + fraction - 9] + tail;
                  }
                  if (fraction !== 0) exact /= powersOfTen[fraction];
                }
                if (exact === exact) {
                  values2[row] = negative ? -exact : exact;
                  seen0 |= 4;
                  break value;
                }
              }
            }
            at = start;
            at = readCell2(bytes, at, row);
            if (at < 0) {
              if (at === -1) return -1;
              at = -2 - at | 0;
              seen0 &= (-5);
              break value;
            }
            seen0 |= 4;
          }
          case 8:
          if (at > size - 5 || view.getInt32(at + 0, true) !== 577577516 || view.getInt32(at + 1, true) !== 975334690) {
            at = seek(bytes, at, 4);
            if (at < 0) return -1;
            step = state[0];
            continue;
          }
          at = at + 5 | 0;
          case 9:
          value: {
            start = at;
            negative = bytes[at] === 45;
            if (negative) at = at + 1 | 0;
            text = at;
            number = 0;
            flags = 0;
            while (at <= last) {
              word = view.getInt32(at, true) ^ 808464432;
              flags = (word + 1987475062 | word) & (-2139062144);
              if (flags !== 0) break;
              number = Math.imul(number, 10000) + fourDigits(word) | 0;
              at = at + 4 | 0;
            }
            if (flags === 0) return -1;
            count = 31 - Math.clz32(flags & ~(flags - 1)) >> 3;
            word = lastWord(word, count);
            number = Math.imul(number, tens[count]) + fourDigits(word) | 0;
            at = at + count | 0;
            digit = bytes[at] - 48 | 0;
            whole = at - text | 0;
            if (whole > 0 && (whole === 1 || bytes[text] !== 48)) {
              fraction = 0;
              if (digit === -2) {
                at = at + 1 | 0;
                text = at;
                flags = 0;
                while (at <= last) {
                  word = view.getInt32(at, true) ^ 808464432;
                  flags = (word + 1987475062 | word) & (-2139062144);
                  if (flags !== 0) break;
                  number = Math.imul(number, 10000) + fourDigits(word) | 0;
                  at = at + 4 | 0;
                }
                if (flags === 0) return -1;
                count = 31 - Math.clz32(flags & ~(flags - 1)) >> 3;
                word = lastWord(word, count);
                number = Math.imul(number, tens[count]) + fourDigits(word) | 0;
                at = at + count | 0;
                digit = bytes[at] - 48 | 0;
                fraction = at - text | 0;
                if (fraction === 0) fraction = 99;
              }
              if (whole <= 7 && fraction <= 2 && whole + fraction <= 9 && (digit + 48 | 32) !== 101) {
                exact = number;
                if (fraction !== 2) exact *= powersOfTen[2 - fraction];
                values3[row] = negative ? 0 - exact : exact;
                seen0 |= 8;
                break value;
              }
            }
            at = start;
            at = readCell3(bytes, at, row);
            if (at < 0) {
              if (at === -1) return -1;
              at = -2 - at | 0;
              seen0 &= (-9);
              break value;
            }
            seen0 |= 8;
          }
          case 10:
          if (at > size - 5 || view.getInt32(at + 0, true) !== 578363948 || view.getInt32(at + 1, true) !== 975337762) {
            at = seek(bytes, at, 5);
            if (at < 0) return -1;
            step = state[0];
            continue;
          }
          at = at + 5 | 0;
          case 11:
          value: {
            if (bytes[at] === 34) {
              at = at + 1 | 0;
              flags = 0;
              while (at <= last) {
                word = view.getInt32(at, true);
                flags = ((word ^ 572662306) - 16843009 | (word ^ 1549556828) - 16843009 | word - 538976288 | word) & (-2139062144);
                if (flags !== 0) break;
                at = at + 4 | 0;
              }
              if (flags === 0) return -1;
              count = 31 - Math.clz32(flags & ~(flags - 1)) >> 3;
              at = at + count | 0;
              if (bytes[at] === 34) at = at + 1 | 0;
              else if ((at = skipText(bytes, at)) < 0) return -1;
              break value;
            }
            if ((at = skipValue(bytes, at)) < 0) return -1;
          }
          case 12:
          if (at > size - 5 || view.getInt32(at + 0, true) !== 576856620 || view.getInt32(at + 1, true) !== 975331874) {
            at = seek(bytes, at, 6);
            if (at < 0) return -1;
            step = state[0];
            continue;
          }
          at = at + 5 | 0;
          case 13:
          value: {
            at = readCell4(bytes, at, row);
            if (at < 0) {
              if (at === -1) return -1;
              at = -2 - at | 0;
              seen0 &= (-17);
              break value;
            }
            seen0 |= 16;
          }
          case 14:
          if (bytes[at] !== 125) {
            at = seek(bytes, at, 7);
            if (at < 0) return -1;
            step = state[0];
            continue;
          }
          at = at + 1 | 0;
          default:
          if (seen0 !== 31) setMissing(0, seen0, row);
          return at;
        }
      }
    }
    "
  `);
});

test('columns beyond 31 get a second word of seen bits', () => {
  const slots = Array.from({ length: 33 }, (_, column) => ({
    lead: lead(`,"c${column}":`),
    value: { kind: 'cell', column } as const,
  }));
  const source = jsonKernelSource({ slots, columnCount: 33 });
  expect(source).toContain('seen1 |= 2;');
  expect(source).toContain('if (seen0 !== 2147483647) setMissing(0, seen0, row);');
  expect(source).toContain('if (seen1 !== 3) setMissing(1, seen1, row);');
});
