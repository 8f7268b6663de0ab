/** Timestamps as text: fractions of any length, to the millisecond, with and without what follows. */
import { expect, it } from 'vitest';
import { TIMESTAMP } from '../../src/columnar/types.js';
import { createDecoder } from '../../src/formats/decoder-registry.js';
import { decodeMessages } from './decode-support.js';

const SECOND = Date.UTC(2024, 1, 29, 23, 59, 58);

it.each([
  ['', 0],
  ['.5', 500],
  ['.25', 250],
  ['.125', 125],
  ['.1259', 125],
  ['.000999999', 0],
])('a second and %s', (fraction, ms) => {
  const columns = [{ name: 't', type: TIMESTAMP }];
  for (const separator of ['T', ' ']) {
    for (const zone of ['', 'Z']) {
      const text = `2024-02-29${separator}23:59:58${fraction}${zone}`;
      for (const [format, record] of [
        ['json', `{"t":"${text}"}`],
        ['csv', text],
      ] as const) {
        const [row] = decodeMessages(createDecoder(format, columns), columns, [record]);
        expect(row?.values, `${format} ${text}`).toEqual([SECOND + ms]);
      }
    }
  }
});
