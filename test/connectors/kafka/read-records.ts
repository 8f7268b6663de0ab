/** What the tests of the record walk share: reading a set to plain records, and real batches. */
import { readdirSync, readFileSync } from 'node:fs';
import { MessageBlock } from '../../../src/connectors/kafka/blocks/message-block.js';
import { RecordSetReader } from '../../../src/connectors/kafka/batch/record-set.js';
import type { PlainRead, PlainRecord, PlainRequest } from '../../support/record-batches.js';

const FOLDER = new URL('batches/', import.meta.url);

const blocks = new Map<number, MessageBlock>();

/** Blocks are reused, as the reader's are. */
function blockOf(rowsMax: number): MessageBlock {
  const block = blocks.get(rowsMax) ?? new MessageBlock(rowsMax, { keys: true, headers: true });
  blocks.set(rowsMax, block);
  return block;
}

export interface ReadRequest extends PlainRequest {
  readonly rowsMax?: number;
  /** Bytes around the set that must not matter. */
  readonly margin?: number;
}

/** Reads a set with keys and headers; throws what the reader throws. */
export function readRecordSet(set: Buffer, request: ReadRequest = {}): PlainRead {
  const { rowsMax = 4096, margin = 3, firstOffset = 0, stop = Infinity, aborted = [] } = request;
  const reader = new RecordSetReader({
    parts: { keys: true, headers: true },
    checkCrcs: request.checkCrcs ?? false,
    isolation: request.committed ? 'read_committed' : 'read_uncommitted',
    label: 'topic "t" partition 3',
  });
  const frame = new Uint8Array(set.length + 2 * margin).fill(0xee);
  frame.set(set, margin);
  reader.begin(frame, margin, margin + set.length, { firstOffset, stop, aborted });
  const block = blockOf(rowsMax);
  const records: PlainRecord[] = [];
  for (let more = true; more;) {
    block.clear();
    more = reader.fill(block);
    for (let row = 0; row < block.rowCount; row += 1) records.push(plainRecord(block, row));
  }
  return { records, tombstones: reader.tombstones, nextOffset: reader.nextOffset };
}

function plainRecord(block: MessageBlock, row: number): PlainRecord {
  const { bytes, starts, ends, keyStarts, keyLengths } = block;
  const start = starts[row]!;
  const keyStart = keyStarts[row]!;
  const headers = block.headers[row]!;
  // A decoder may overwrite the byte behind a value for a moment: it has to be there.
  if (ends[row]! >= bytes.length) throw new Error('no byte behind a value');
  return {
    offset: block.offsets[row]!,
    timeMs: block.timestampsMs[row]!,
    key:
      block.keyNulls[row] === 1
        ? null
        : Buffer.from(bytes.subarray(keyStart, keyStart + keyLengths[row]!)).toString('latin1'),
    value: Buffer.from(bytes.buffer, bytes.byteOffset + start, ends[row]! - start).toString(
      'latin1',
    ),
    headers: headers.keys.map((name, at) => {
      const value = headers.values[at] ?? null;
      return [String(name), value === null ? null : String(value)] as const;
    }),
  };
}

/** Batches that a real broker stored (test/support/record-batch-fixtures.mjs), by name. */
export function storedBatches(): ReadonlyMap<string, Buffer> {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.bin'));
  return new Map(
    names.map((name) => [name.replace('.bin', ''), readFileSync(new URL(name, FOLDER))]),
  );
}

/** The batches of a set, one by one. */
export function singleBatches(set: Buffer): Buffer[] {
  const batches: Buffer[] = [];
  for (let at = 0; at < set.length;) {
    const size = set.readInt32BE(at + 8) + 12;
    batches.push(set.subarray(at, at + size));
    at += size;
  }
  return batches;
}
