/**
 * UNION ALL: rows of all inputs as they come, with their kinds; the watermark is the minimum over
 * the inputs that have not ended; windows behind it close as if there were one stream.
 */
import { describe, expect, it } from 'vitest';
import { BIGINT, TIMESTAMP } from '../../src/columnar/types.js';
import type { Batch } from '../../src/columnar/batch.js';
import type { UnionNode } from '../../src/plan/pipeline/pipeline-plan.js';
import { UnionOperator } from '../../src/runtime/operators/union.js';
import {
  after,
  before,
  ChangeRecorder,
  changeBatch,
  inputNode,
  insert,
  restored,
} from './changelog-support.js';

const SCHEMA = [
  { name: 'ts', type: TIMESTAMP },
  { name: 'v', type: BIGINT },
];

function unionNode(inputs: number): UnionNode {
  return {
    kind: 'union',
    id: 'union-1',
    inputs: Array.from({ length: inputs }, () => inputNode(SCHEMA)),
    schema: SCHEMA,
    mode: 'append',
  };
}

function union(inputs: number): { operator: UnionOperator; recorder: ChangeRecorder } {
  const recorder = new ChangeRecorder(SCHEMA);
  return { operator: new UnionOperator(unionNode(inputs), recorder), recorder };
}

describe('UNION ALL', () => {
  it('passes rows of every input on as they come, equal ones too, with their kinds', () => {
    const { operator, recorder } = union(3);
    operator.process(0, changeBatch(SCHEMA, [insert(1, 1n), insert(2, 2n)]));
    operator.process(2, changeBatch(SCHEMA, [insert(1, 1n)], true));
    operator.process(1, changeBatch(SCHEMA, [before(1, 1n), after(5, null)]));
    expect(recorder.texts()).toEqual(['+I 1 1', '+I 2 2', '+I 1 1', '-U 1 1', '+U 5 null']);
  });

  it('waits for the watermark of the slowest input', () => {
    const { operator, recorder } = union(3);
    operator.watermark(0, 100);
    operator.watermark(1, 50);
    expect(recorder.watermarks).toEqual([]);
    operator.watermark(2, 70);
    operator.watermark(1, 60);
    operator.watermark(1, 55);
    operator.watermark(1, 90);
    expect(recorder.watermarks).toEqual([50, 60, 70]);
  });

  it('no longer waits for an input that has ended', () => {
    const { operator, recorder } = union(2);
    operator.watermark(0, 10);
    operator.end(1, true);
    operator.watermark(0, 20);
    expect(recorder.watermarks).toEqual([10, 20]);
  });

  it('gives no watermark away at a stop: windows stay open', () => {
    const { operator, recorder } = union(2);
    operator.watermark(0, 10);
    operator.watermark(1, 10);
    operator.end(0, false);
    operator.end(1, false);
    expect(recorder.watermarks).toEqual([10]);
  });

  it('tells windows of a batch how far the other inputs are, and leaves the batch alone', () => {
    const { operator, recorder } = union(2);
    const seen: number[] = [];
    const emit = recorder.output.emit;
    recorder.output.emit = (batch: Batch): void => {
      seen.push(batch.header.watermarkOthers);
      emit(batch);
    };
    const batch = changeBatch(SCHEMA, [insert(1, 1n)]);
    operator.process(0, batch);
    operator.watermark(1, 30);
    operator.process(0, batch);
    batch.header.watermarkOthers = 20;
    operator.process(0, batch);
    expect(seen).toEqual([-Infinity, 30, 20]);
    expect(batch.header.watermarkOthers).toBe(20);
  });

  it('goes on after a restore without moving the watermark backwards', () => {
    const { operator, recorder } = union(2);
    operator.watermark(0, 40);
    operator.watermark(1, 30);
    const next = restored(operator, new UnionOperator(unionNode(2), recorder));
    next.watermark(1, 20);
    next.watermark(0, 50);
    next.watermark(1, 45);
    expect(recorder.watermarks).toEqual([30, 45]);
  });
});
