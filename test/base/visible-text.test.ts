/** What may reach a screen: no control character, no mark that turns text around. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { visibleBytes, visibleLines, visibleText } from '../../src/base/visible-text.js';

const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const HIDDEN_BESIDE_LINES = new RegExp(
  HIDDEN.source.replace('\\u0000-\\u001f', '\\u0000-\\u0008\\u000b-\\u001f'),
);

const texts = fc.array(
  fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '\u001b[31m',
      '\u009b2J',
      '\u202e',
      '\r',
      '\r\n',
      '\n',
      '\t',
      '\u2028',
      '\ufeff',
    ),
  ),
  { maxLength: 8 },
);

describe('visible text', () => {
  it('spells escapes as JSON does', () => {
    expect(visibleText('a\u001b[31m\r\n\t\u202eb')).toBe('a\\u001b[31m\\r\\n\\t\\u202eb');
    expect(visibleLines('a\nb\u009b')).toBe('a\nb\\u009b');
  });

  it('leaves every other character, U+FEFF and emoji included', () => {
    expect(visibleText('żółć \ufeff 👩‍💻 مرحبا')).toBe('żółć \ufeff 👩‍💻 مرحبا');
  });

  it('hides nothing, whatever the text', () => {
    fc.assert(
      fc.property(texts, (parts) => {
        const text = parts.join('');
        expect(visibleText(text)).not.toMatch(HIDDEN);
        const bytes = visibleBytes(new TextEncoder().encode(text));
        const shown = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
        expect(shown).not.toMatch(HIDDEN_BESIDE_LINES);
        const plain = text.replaceAll('\r\n', '\n').toWellFormed();
        expect(shown).toBe(
          plain
            .split(/([\n\t])/)
            .map((part) => (/^[\n\t]$/.test(part) ? part : visibleText(part)))
            .join(''),
        );
      }),
    );
  });

  it('gives back the same bytes where nothing is hidden', () => {
    const bytes = new TextEncoder().encode('plain\ttext\n');
    expect(visibleBytes(bytes)).toBe(bytes);
  });
});
