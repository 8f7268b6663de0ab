/**
 * System columns of Kafka records: partition, offset and times as numbers, topics as a dictionary,
 * keys as views into the block, headers as maps. Owns reusable arrays; the columns are valid
 * until the next call. @hot
 */
import { assertNever } from '../../../base/assert.js';
import type {
  Column,
  DictColumn,
  F64Column,
  ListColumn,
  Utf8Column,
} from '../../../columnar/column.js';
import { partitionOfSplit } from '../../../columnar/record-place.js';
import { Dictionary } from '../../../columnar/dictionary.js';
import type { SystemColumn } from '../../../plan/schema.js';
import type { MessageBlock } from './message-block.js';

/** Where the records of a block are from. */
export interface RecordsPlace {
  readonly topic: string;
  readonly split: number;
}

export class RecordColumns {
  private readonly names: readonly SystemColumn[];
  private readonly columns: Column[];

  constructor(names: readonly SystemColumn[], rowsMax: number) {
    this.names = names;
    this.columns = names.map((name) => newColumn(name, rowsMax));
  }

  /** Appends the columns for a block of one partition to `target`. */
  appendTo(target: Column[], block: MessageBlock, place: RecordsPlace): void {
    for (let at = 0; at < this.names.length; at += 1) {
      const column = this.columns[at]!;
      fill(this.names[at]!, column, block, place);
      target.push(column);
    }
  }
}

function fill(name: SystemColumn, column: Column, block: MessageBlock, place: RecordsPlace): void {
  const { rowCount } = block;
  switch (name) {
    case '_timestamp':
      (column as F64Column).values.fill(block.ingestTimeMs, 0, rowCount);
      return;
    case '_record_time':
      fillTimes((column as F64Column).values, block);
      return;
    case '_partition':
      (column as F64Column).values.fill(partitionOfSplit(place.split), 0, rowCount);
      return;
    case '_offset':
      (column as F64Column).values.set(block.offsets.subarray(0, rowCount));
      return;
    case '_topic':
      fillTopic(column as DictColumn, place.topic);
      return;
    case '_file':
      return;
    case '_key': {
      const keys = column as Utf8Column;
      keys.bytes = block.bytes;
      keys.offsets = block.keyStarts;
      keys.lengths = block.keyLengths;
      keys.nulls = block.keyNulls;
      return;
    }
    case '_headers':
      (column as ListColumn).values = block.headers;
      return;
    default:
      assertNever(name);
  }
}

function fillTimes(values: Float64Array, block: MessageBlock): void {
  const { timestampsMs, rowCount, ingestTimeMs } = block;
  for (let row = 0; row < rowCount; row += 1) {
    const timeMs = timestampsMs[row]!;
    values[row] = timeMs < 0 ? ingestTimeMs : timeMs;
  }
}

/** Of all rows at once, which mostly are those of the block before. */
function fillTopic({ codes, dictionary }: DictColumn, topic: string): void {
  const code = dictionary.internText(topic);
  if (codes[0] !== code) codes.fill(code);
}

function newColumn(name: SystemColumn, rowsMax: number): Column {
  switch (name) {
    case '_topic': {
      const dictionary = new Dictionary();
      return {
        kind: 'dict',
        codes: new Int32Array(rowsMax),
        dictionary,
        nulls: null,
      } satisfies DictColumn;
    }
    case '_file': {
      const dictionary = new Dictionary();
      dictionary.internText('');
      const nulls = new Uint8Array(rowsMax).fill(1);
      return {
        kind: 'dict',
        codes: new Int32Array(rowsMax),
        dictionary,
        nulls,
      } satisfies DictColumn;
    }
    case '_key': {
      const none = new Int32Array(0);
      const bytes = new Uint8Array(0);
      return {
        kind: 'utf8',
        bytes,
        offsets: none,
        lengths: none,
        nulls: null,
      } satisfies Utf8Column;
    }
    case '_headers':
      return { kind: 'list', values: [], nulls: null } satisfies ListColumn;
    case '_timestamp':
    case '_record_time':
    case '_partition':
    case '_offset':
      return { kind: 'f64', values: new Float64Array(rowsMax), nulls: null } satisfies F64Column;
    default:
      return assertNever(name);
  }
}
