/**
 * Texts as bytes. Owns the one decoder that columns and formats share, and the order of texts. @hot
 */

const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Text of a byte range; valid UTF-8 is the caller's business. */
export function decodeText(bytes: Uint8Array, start: number, length: number): string {
  return textDecoder.decode(bytes.subarray(start, start + length));
}

/** Whether two byte ranges hold the same text. */
export function equalUtf8(
  a: Uint8Array,
  aStart: number,
  aLength: number,
  b: Uint8Array,
  bStart: number,
  bLength: number,
): boolean {
  if (aLength !== bLength) return false;
  for (let at = 0; at < aLength; at += 1) {
    if (a[aStart + at] !== b[bStart + at]) return false;
  }
  return true;
}

/** The order of two texts by their bytes: negative, 0 or positive. */
export function compareUtf8(
  a: Uint8Array,
  aStart: number,
  aLength: number,
  b: Uint8Array,
  bStart: number,
  bLength: number,
): number {
  const shared = aLength < bLength ? aLength : bLength;
  for (let at = 0; at < shared; at += 1) {
    const order = a[aStart + at]! - b[bStart + at]!;
    if (order !== 0) return order;
  }
  return aLength - bLength;
}
