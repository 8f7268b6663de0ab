/**
 * The numbers of a partition's records: one after the other, from 2^31 - 1 on to 0, as brokers count
 * them, also where a batch lies across it, is cut in two or is numbered anew.
 */
import { describe, expect, it } from 'vitest';
import { splitRecords } from '../../src/connectors/kafka/produce/batch-split.js';
import { RecordBatchWriter } from '../../src/connectors/kafka/produce/produce-batch.js';
import { ProduceLane } from '../../src/connectors/kafka/produce/produce-lane.js';
import type { LaneBatch } from '../../src/connectors/kafka/produce/produce-lane.js';
import { BATCH_HEADER_BYTES, i32At } from '../../src/connectors/kafka/batch/record-batch.js';
import { range } from './harness.js';

const LAST = 2 ** 31 - 1;
const SEQUENCE_AT = 53;

function writerOf(rows: number): RecordBatchWriter {
  const writer = new RecordBatchWriter(1024);
  for (const id of range(rows)) {
    writer.beginRecord(new Uint8Array(0), -1, 1_700_000_000_000);
    writer.out.appendText(String(id));
    writer.endRecord(null);
  }
  return writer;
}

/** A batch of so many rows, numbered by the lane and waiting in it. */
function pushed(lane: ProduceLane, rows: number): LaneBatch {
  const writer = writerOf(rows);
  const sequence = lane.takeSequence(rows);
  const bytes = writer.seal({ producerId: 7n, epoch: lane.epoch, sequence }, null);
  const parts = { partition: 0, bytes, writer, recordBytes: 10 * rows, sequence, rows };
  const batch: LaneBatch = { ...parts, sealedNs: 0, state: 'waiting' };
  lane.push(batch);
  return batch;
}

describe('the numbers of records in a partition', () => {
  it.each([
    [0, 5],
    [1, 4],
    [2, 3],
    [5, 0],
    [4, 1],
  ])('go on at 0 behind 2^31 - 1, %i before and %i behind it', (before, behind) => {
    const lane = new ProduceLane(0, 0);
    lane.takeSequence(LAST + 1 - before);
    const batch = pushed(lane, before + behind);
    expect(batch.sequence).toBe(before === 0 ? 0 : LAST + 1 - before);
    expect(i32At(batch.bytes, SEQUENCE_AT)).toBe(batch.sequence);
    expect(lane.takeSequence(1)).toBe(behind);
    expect(lane.takeSequence(1)).toBe(behind + 1);
  });

  it('of a batch across it that is cut in two follow each other', () => {
    const lane = new ProduceLane(0, 0);
    lane.takeSequence(LAST - 2);
    const batch = pushed(lane, 8);
    const most = (batch.writer.byteLength + BATCH_HEADER_BYTES) >> 1;
    const halves = splitRecords(batch.writer, most).map(({ rows }) => rows);
    expect(halves).toEqual([4, 4]);
    const second = lane.sequenceAfter(batch.sequence, halves[0] ?? 0);
    expect([batch.sequence, second]).toEqual([LAST - 2, 1]);
    expect(lane.sequenceAfter(second, 4)).toBe(lane.takeSequence(1));
  });

  it('begin at 0 in a new epoch, wherever they were', () => {
    const lane = new ProduceLane(0, 3);
    lane.takeSequence(LAST - 1);
    const [first, second] = [pushed(lane, 4), pushed(lane, 2)];
    expect([first.sequence, second.sequence]).toEqual([LAST - 1, 2]);
    lane.leader = 1;
    const sent = lane.send();
    expect(sent).toBe(first);
    lane.sendAgain(first, { text: 'forgotten', errorCode: 59 }, 0);
    lane.beginAnew();
    expect(lane.send()).toBe(first);
    expect([first.sequence, second.sequence, lane.epoch]).toEqual([0, 4, 4]);
    expect(i32At(first.bytes, SEQUENCE_AT)).toBe(0);
    expect(i32At(second.bytes, SEQUENCE_AT)).toBe(4);
  });
});
