/**
 * Mutants of a broker's answers: one field changed as a structure allows (a number turned over, cut
 * or made huge, a length that lies, a text that is another), or bytes changed at random; once or
 * each time. Owns the mutations, by number and seed; the answers are kafka/loopback-broker.ts.
 */
import type { AnswerField } from '../kafka/answer-fields.js';
import type { ApiName } from '../kafka/loopback-broker.js';
import { mulberry32 } from '../../src/bench/statistics.js';

export interface Mutant {
  readonly number: number;
  readonly api: ApiName;
  /** Only the first answer of its kind, or all of them. */
  readonly often: 'once' | 'always';
  readonly what: string;
  /** null: the broker says nothing. */
  mutate(fields: readonly AnswerField[]): Buffer | null;
  /** Names of the fields that are changed; where it is cut, the one that is. */
  touched(fields: readonly AnswerField[]): readonly string[];
}

const KINDS = ['field', 'field', 'field', 'cut', 'longer', 'bytes', 'empty', 'mute'] as const;

/** The mutants of the answers to these questions, from `seed` on, the same each time. */
export function mutants(apis: readonly ApiName[], count: number, seed: number): Mutant[] {
  return Array.from({ length: count }, (_, index) => {
    const random = mulberry32(seed * 100_003 + index);
    const below = (limit: number): number => Math.floor(random() * limit);
    const api = apis[index % apis.length] ?? 'fetch';
    const kind = KINDS[below(KINDS.length)] ?? 'field';
    const often = below(2) === 0 ? 'once' : 'always';
    const choice = below(1 << 30);
    const value = below(1 << 30);
    return {
      number: index,
      api,
      often,
      what: `${api} ${often} ${kind} ${choice} ${value}`,
      mutate: (fields) => mutated(fields, kind, choice, value),
      touched: (fields) => touched(fields, mutated(fields, kind, choice, value)),
    };
  });
}

function mutated(
  fields: readonly AnswerField[],
  kind: (typeof KINDS)[number],
  choice: number,
  value: number,
): Buffer | null {
  const whole = Buffer.concat(fields.map(({ bytes }) => bytes));
  switch (kind) {
    case 'mute':
      return null;
    case 'empty':
      return Buffer.alloc(0);
    case 'cut':
      return whole.subarray(0, choice % Math.max(1, whole.length));
    case 'longer':
      return Buffer.concat([whole, Buffer.alloc(1 + (choice % 40), value & 255)]);
    case 'bytes': {
      const copy = Buffer.from(whole);
      for (let at = 0; at < 1 + (value % 4); at += 1) {
        const place = (choice + at * 7919) % Math.max(1, copy.length);
        copy.writeUInt8((copy.readUInt8(place) ^ (1 << ((value >> at) & 7))) & 255, place);
      }
      return copy;
    }
    case 'field': {
      const at = choice % fields.length;
      return Buffer.concat(
        fields.map((field, index) => (index === at ? changed(field, value) : field.bytes)),
      );
    }
  }
}

function touched(fields: readonly AnswerField[], answer: Buffer | null): readonly string[] {
  if (answer === null) return [];
  const names: string[] = [];
  let at = 0;
  for (const { name, bytes } of fields) {
    // A field that has another length moves all others.
    if (!answer.subarray(at, at + bytes.length).equals(bytes)) names.push(name);
    at += bytes.length;
    if (names.length > 0 && answer.length !== lengthOf(fields)) return names;
  }
  return names;
}

function lengthOf(fields: readonly AnswerField[]): number {
  return fields.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

/** Another value of the field, of the same kind. */
function changed({ kind, bytes }: AnswerField, value: number): Buffer {
  const copy = Buffer.from(bytes);
  switch (kind) {
    case 'number': {
      const forms = [0, 0xff, 0x7f, 0x80];
      const form = value % 8;
      if (form < 4) {
        copy.fill(0);
        copy[0] = forms[form] ?? 0;
        if (form === 1 || form === 2) copy.fill(0xff, 1);
      } else if (form < 6) copy[copy.length - 1] = value >> 8;
      else copy[(value >> 4) % copy.length] = (copy[(value >> 4) % copy.length] ?? 0) ^ 1;
      return copy;
    }
    case 'length':
      if (value % 3 === 0) return Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]);
      copy[copy.length - 1] = value % 3 === 1 ? 0 : (value >> 4) & 0x7f;
      return copy;
    case 'text':
      copy.fill(value & 255);
      return copy;
    case 'bytes':
      if (copy.length === 0) return Buffer.of(value & 255);
      copy[value % copy.length] = (copy[value % copy.length] ?? 0) ^ (1 << (value & 7));
      return copy;
  }
}
