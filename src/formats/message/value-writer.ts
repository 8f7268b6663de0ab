/**
 * Puts decoded values into target columns: one writer per field and column, chosen once by what the
 * value is (value-shape.ts) and what the column holds. Owns which values convert to which types,
 * beside what a target takes as text or number (the rules that JSON has). @hot
 *
 * A value that is absent is the decoder's business; a writer never sees null. Nested types are
 * value-nested.ts, the fields of a record are record-writer.ts.
 */
import { isUtf8 } from 'node:buffer';
import { TIMESTAMP_MS_MAX } from '../../functions/time/calendar.js';
import { decimalText, decimalToDouble } from '../../functions/decimal.js';
import { dateText, timestampText } from '../../functions/time/time-format.js';
import { typeText } from '../../columnar/types.js';
import { ExactTarget } from '../columns/target-exact.js';
import {
  BooleanTarget,
  DateTarget,
  DoubleTarget,
  TimestampTarget,
} from '../columns/target-plain.js';
import type { TargetColumn } from '../columns/target.js';
import { ShapeFault, shapeText } from './value-shape.js';
import type { ValueShape } from './value-shape.js';

const MS_PER_DAY = 86_400_000;
const TWO_32 = 4_294_967_296;
/** 2,466 digits: the largest scale of a schema and the precision of a DECIMAL, and more. */
const DECIMAL_BYTES_MAX = 1_024;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Writes a value that is not null to `row`; false when it does not convert. */
export type ValueWriter = (value: unknown, row: number) => boolean;

/** For scalar types. Throws ShapeFault where no value of the shape converts to the target's type. */
export function createValueWriter(shape: ValueShape, target: TargetColumn): ValueWriter {
  if (shape.kind === 'text') return textWriter(target);
  if (target instanceof ExactTarget) return exactWriter(shape, target);
  if (target instanceof DoubleTarget) return doubleWriter(shape, target);
  if (target instanceof TimestampTarget) return timestampWriter(shape, target);
  if (target instanceof DateTarget) return dateWriter(shape, target);
  if (target instanceof BooleanTarget) {
    if (shape.kind !== 'boolean') throw mismatch(shape, target);
    return (value, row) => target.boolean(value === true, row);
  }
  return varcharWriter(shape, target);
}

function mismatch(shape: ValueShape, target: TargetColumn): ShapeFault {
  return new ShapeFault(`is ${shapeText(shape)}, which a ${typeText(target.type)} does not hold`);
}

function exactWriter(shape: ValueShape, target: ExactTarget): ValueWriter {
  switch (shape.kind) {
    case 'integer':
    case 'timestamp':
    case 'date':
      return (value, row) => {
        // Most are small: the number itself.
        if (typeof value === 'number') return target.whole(value, row);
        return target.whole(wholeOf(value), row);
      };
    case 'double':
      return numberTextWriter(target);
    case 'decimal': {
      const { scale } = shape;
      return (value, row) => {
        const unscaled = unscaledOf(value);
        return unscaled !== null && target.scaled(unscaled, scale, row);
      };
    }
    default:
      throw mismatch(shape, target);
  }
}

function doubleWriter(shape: ValueShape, target: DoubleTarget): ValueWriter {
  switch (shape.kind) {
    case 'double':
    case 'integer':
    case 'timestamp':
    case 'date':
      return (value, row) => {
        const number = typeof value === 'number' ? value : Number(wholeOf(value));
        target.column.values[row] = number;
        // Neither NaN nor infinity is a DOUBLE.
        return number - number === 0;
      };
    case 'decimal': {
      const { scale } = shape;
      return (value, row) => {
        const unscaled = unscaledOf(value);
        if (unscaled === null) return false;
        const number = decimalToDouble(unscaled, scale);
        target.column.values[row] = number;
        return number - number === 0;
      };
    }
    default:
      throw mismatch(shape, target);
  }
}

function timestampWriter(shape: ValueShape, target: TimestampTarget): ValueWriter {
  switch (shape.kind) {
    case 'timestamp':
      return (value, row) => {
        const ms = millisecondsOf(value, shape.perMs);
        target.column.values[row] = ms;
        return Math.abs(ms) <= TIMESTAMP_MS_MAX;
      };
    case 'integer':
      return (value, row) => {
        const ms = Number(wholeOf(value));
        target.column.values[row] = ms;
        return Math.abs(ms) <= TIMESTAMP_MS_MAX;
      };
    case 'date':
      return (value, row) => {
        const ms = Number(value) * MS_PER_DAY;
        target.column.values[row] = ms;
        return Math.abs(ms) <= TIMESTAMP_MS_MAX;
      };
    case 'double':
      return numberTextWriter(target);
    default:
      throw mismatch(shape, target);
  }
}

function dateWriter(shape: ValueShape, target: DateTarget): ValueWriter {
  switch (shape.kind) {
    case 'date':
      return (value, row) => {
        const days = Number(value);
        target.column.values[row] = days;
        return Math.abs(days) * MS_PER_DAY <= TIMESTAMP_MS_MAX;
      };
    case 'timestamp':
      return (value, row) => {
        const ms = millisecondsOf(value, shape.perMs);
        target.column.values[row] = Math.floor(ms / MS_PER_DAY);
        return Math.abs(ms) <= TIMESTAMP_MS_MAX;
      };
    default:
      throw mismatch(shape, target);
  }
}

/** VARCHAR: scalars as the text that a CAST gives, bytes if they are a text. */
function varcharWriter(shape: ValueShape, target: TargetColumn): ValueWriter {
  switch (shape.kind) {
    case 'bytes':
      return textWriter(target);
    case 'symbol':
      return symbolWriter(target);
    case 'boolean':
      return (value, row) => target.boolean(value === true, row);
    case 'integer':
      return plainTextWriter(target, (value) => String(wholeOf(value)));
    case 'double':
      return numberTextWriter(target);
    case 'decimal': {
      const { scale } = shape;
      return plainTextWriter(target, (value) => {
        const unscaled = unscaledOf(value);
        return unscaled === null ? null : decimalText(unscaled, scale);
      });
    }
    case 'timestamp':
      return plainTextWriter(target, (value) => {
        const ms = millisecondsOf(value, shape.perMs);
        return Math.abs(ms) <= TIMESTAMP_MS_MAX ? timestampText(ms) : null;
      });
    case 'date':
      return plainTextWriter(target, (value) => {
        const inRange = Math.abs(Number(value)) * MS_PER_DAY <= TIMESTAMP_MS_MAX;
        return inRange ? dateText(Number(value)) : null;
      });
    default:
      throw mismatch(shape, target);
  }
}

/** Any target takes text; what is no UTF-8 does not convert. */
function textWriter(target: TargetColumn): ValueWriter {
  return (value, row) => {
    // Checked boundary: values of the shapes text and bytes are bytes.
    const bytes = value as Uint8Array;
    return isText(bytes) && target.text(bytes, 0, bytes.length, row);
  };
}

/** An enum has few names: their bytes are kept. */
function symbolWriter(target: TargetColumn): ValueWriter {
  const known = new Map<string, Uint8Array>();
  return (value, row) => {
    const name = String(value);
    let bytes = known.get(name);
    if (bytes === undefined) {
      bytes = encoder.encode(name);
      known.set(name, bytes);
    }
    return target.text(bytes, 0, bytes.length, row);
  };
}

/** By way of the number's shortest text, as a JSON number comes. */
function numberTextWriter(target: TargetColumn): ValueWriter {
  const scratch = new Uint8Array(32);
  return (value, row) => {
    const number = Number(value);
    if (number - number !== 0) return false;
    const { written } = encoder.encodeInto(String(number), scratch);
    return target.number(scratch, 0, written, row);
  };
}

function plainTextWriter(
  target: TargetColumn,
  text: (value: unknown) => string | null,
): ValueWriter {
  return (value, row) => {
    const written = text(value);
    if (written === null) return false;
    const bytes = encoder.encode(written);
    return target.text(bytes, 0, bytes.length, row);
  };
}

/** Whether bytes[start, end) are UTF-8: short ASCII is decided without a call. */
export function isText(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
  if (end - start > 64) return isUtf8(bytes.subarray(start, end));
  for (let at = start; at < end; at += 1) {
    if (bytes[at]! >= 128) return isUtf8(bytes.subarray(start, end));
  }
  return true;
}

/** protobufjs's 64 bits as two words. */
interface LongWords {
  readonly low: number;
  readonly high: number;
  readonly unsigned: boolean;
}

/** The text of bytes; null for what is no UTF-8. */
export function textOf(bytes: Uint8Array): string | null {
  return isText(bytes) ? decoder.decode(bytes) : null;
}

/** An integer as a safe number, or as a bigint when it is none. */
export function wholeOf(value: unknown): number | bigint {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  // Checked boundary: values of integer shapes are numbers, bigints or a Long.
  const { low, high, unsigned } = value as LongWords;
  const highWord = unsigned ? high >>> 0 : high;
  const number = highWord * TWO_32 + (low >>> 0);
  if (Number.isSafeInteger(number)) return number;
  return (BigInt(highWord) << 32n) | BigInt(low >>> 0);
}

/** Whole milliseconds, rounded down: what is finer than a TIMESTAMP(3) is dropped. */
function millisecondsOf(value: unknown, perMs: number): number {
  const ticks = wholeOf(value);
  if (typeof ticks === 'number') return perMs === 1 ? ticks : Math.floor(ticks / perMs);
  const divisor = BigInt(perMs);
  const rest = ((ticks % divisor) + divisor) % divisor;
  return Number((ticks - rest) / divisor);
}

/**
 * Bytes are two's complement, big-endian; none is 0. Null for numbers of more bytes than any DECIMAL can need:
 * a record may hold megabytes of them. Leading bytes that only repeat the sign do not count.
 */
function unscaledOf(value: unknown): bigint | null {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return BigInt(value);
  // Checked boundary: other values of the shape decimal are bytes.
  const bytes = value as Uint8Array;
  if (bytes.length === 0) return 0n;
  const sign = (bytes[0]! << 24) >> 31;
  let at = 0;
  while (at < bytes.length - 1 && bytes[at] === (sign & 255)) at += 1;
  if (bytes.length - at > DECIMAL_BYTES_MAX) return null;
  let unscaled = BigInt(sign);
  for (; at < bytes.length; at += 1) unscaled = (unscaled << 8n) | BigInt(bytes[at]!);
  return unscaled;
}
