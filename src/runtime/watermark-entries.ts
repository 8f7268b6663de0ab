/**
 * The state of a source's watermark in a snapshot: per split its highest event time and whether it
 * has ended. Owns the form, which the watermark operator (V1), the receiving side of an edge (V2)
 * and whoever carries state between the two share.
 */
import { GLOBAL_ENTRY } from '../state/snapshot.js';
import type { StateReader, StateWriter } from '../state/snapshot.js';

export interface SplitWatermarkState {
  readonly split: number;
  readonly highestMs: number;
  readonly ended: boolean;
}

export function writeSplitWatermark(writer: StateWriter, state: SplitWatermarkState): void {
  writer.beginEntry(GLOBAL_ENTRY);
  writer.writeU32(state.split);
  writer.writeF64(state.highestMs);
  writer.writeBoolean(state.ended);
  writer.endEntry();
}

export function* readSplitWatermarks(reader: StateReader): Generator<SplitWatermarkState> {
  while (reader.nextEntry() >= 0) {
    const split = reader.readU32();
    const highestMs = reader.readF64();
    yield { split, highestMs, ended: reader.readBoolean() };
  }
}
