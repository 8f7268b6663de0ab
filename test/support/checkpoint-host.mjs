/**
 * A process of its own that writes checkpoints until it is killed. Owns the writing: states that
 * follow from their epoch, so that who restores one knows what must be in it. Says on stdout which
 * epochs are reported as written; before that it says what it goes on from, which it has compared.
 *
 *   node checkpoint-host.mjs DIR
 *   restored EPOCH|-1 right|wrong
 *   written EPOCH
 */
import { createHash } from 'node:crypto';
import { systemClock } from '../../dist/base/clock.js';
import { CheckpointStore } from '../../dist/state/checkpoint/checkpoint-store.js';
import { StateWriter } from '../../dist/state/snapshot.js';

const [dir = ''] = process.argv.slice(2);
const ENTRIES = 60_000;

/** Of one operator that changes with each epoch, one with every fourth, and one that never does. */
function stateOf(epoch) {
  const operators = [epoch, epoch >> 2, 7].map((salt, at) => {
    const writer = new StateWriter();
    for (let entry = 0; entry < ENTRIES; entry += 1) {
      writer.beginEntry(Math.imul(entry, 0x9e3779b1) >>> 22);
      writer.writeU32(entry);
      writer.writeF64(Math.imul(entry, salt + 1));
      writer.endEntry();
    }
    return { operator: `operator-${at}`, bytes: writer.finish() };
  });
  const split = { scan: 's', split: 0, sourceName: 'a', position: String(epoch) };
  const splits = [{ ...split, highestMs: epoch, ended: false, next: true }];
  return [{ query: 'q', ended: false, splits, operators, sink: String(epoch) }];
}

function sumOf(state) {
  const sum = createHash('sha256');
  for (const { splits, operators, sink } of state) {
    sum.update(`${sink} ${splits[0].position} ${splits[0].highestMs}`);
    for (const { operator, bytes } of operators) sum.update(operator).update(bytes);
  }
  return sum.digest('hex');
}

const store = await CheckpointStore.open(dir, { notice: () => undefined, clock: systemClock });
const found = await store.latest();
const isRight = found === null || sumOf(found.state) === sumOf(stateOf(found.epoch));
const passedOver = found?.passedOver.length ?? 0;
process.stdout.write(
  `restored ${found?.epoch ?? -1} ${isRight && passedOver === 0 ? 'right' : 'wrong'}\n`,
);
for (let epoch = store.newestEpoch + 1; ; epoch += 1) {
  await store.write({
    epoch,
    trigger: 'interval',
    arch: 'v1',
    partitions: 1,
    job: { name: 'killed' },
    state: stateOf(epoch),
    signatures: new Map(),
    counters: new Map(),
  });
  process.stdout.write(`written ${epoch}\n`);
}
