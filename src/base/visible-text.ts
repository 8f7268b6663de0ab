/**
 * Text of data, names, paths and servers, as a screen may show it: control characters (C0, C1, DEL),
 * line and paragraph separators and marks that turn the direction of writing become escapes, so that
 * no value can move the cursor, colour a line or disguise itself. Owns which characters these are and
 * how they are spelled; pipes and files keep the bytes.
 */

const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** One line: `\n`, `\r`, `\t`, else `\u001b`, as JSON spells them. */
export function visibleText(text: string): string {
  return text.replace(HIDDEN, escapeOf);
}

/** Several lines: line feeds stay. What was JSON is JSON afterwards. */
export function visibleLines(text: string): string {
  return text.replace(HIDDEN, (character) =>
    character === '\n' ? character : escapeOf(character),
  );
}

function escapeOf(character: string): string {
  return SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/**
 * The same for UTF-8 bytes on their way to a terminal, where line ends and tabs are the format's own
 * (CR LF becomes LF). Gives `bytes` itself where nothing is hidden.
 */
export function visibleBytes(bytes: Uint8Array): Uint8Array {
  if (!bytes.some(startsHidden)) return bytes;
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  const shown = text
    .replaceAll('\r\n', '\n')
    .replace(HIDDEN, (character) =>
      character === '\n' || character === '\t' ? character : escapeOf(character),
    );
  return new TextEncoder().encode(shown);
}

/** A control byte, or the first byte of a sequence that may be one of the longer ones. */
function startsHidden(byte: number): boolean {
  if (byte < 0x20) return byte !== 0x0a && byte !== 0x09;
  return byte === 0x7f || byte === 0xc2 || byte === 0xd8 || byte === 0xe2;
}
