/**
 * Checkpoint folders with damage by chance: bits, lengths, ranges of zeros, files and folders that
 * are missing, renamed, exchanged or doubled, manifests that lie with a right sum. What is read is a
 * checkpoint exactly as it was written, or an error of checkpoints; what `verify` says is what was
 * changed. In memory: a run is one folder, of which one
 * epoch is verified and the latest restored.
 */
import { StateError } from '../../src/base/errors.js';
import { CheckpointReader } from '../../src/state/checkpoint/checkpoint-reader.js';
import { readSummed, summedText } from '../../src/state/checkpoint/manifest-text.js';
import { MemoryFiles } from '../state/checkpoint/memory-files.js';
import type { MemoryFile, MemoryFolder } from '../state/checkpoint/memory-files.js';
import { contentOf, DIR, entriesOf, openStore, textOf } from '../state/checkpoint/sample-states.js';
import type { JobState } from '../../src/state/checkpoint/job-state.js';
import { fuzz, Random } from './fuzz.js';

const CPU_MS_MAX = 2_000;
const EPOCHS = [1, 2, 3] as const;
/** Of each input: its numbers go on through them. */
const MUTANTS = 10;
const STATE_CODES: readonly string[] = [
  'VELO_CHECKPOINT_DAMAGED',
  'VELO_CHECKPOINT_VERSION',
  'VELO_CHECKPOINT_NOT_FOUND',
];

interface Written {
  readonly files: MemoryFiles;
  /** Text of each epoch's state. */
  readonly texts: ReadonlyMap<number, string>;
}

/** One operator changes, one stays as it is and is linked, one has parts, one has nothing. */
function stateOf(epoch: number): JobState {
  const changing = entriesOf(new Random(epoch), 3);
  const staying = entriesOf(new Random(100), 3);
  const part = entriesOf(new Random(200 + epoch), 2);
  const operators = [
    { operator: 'changes', bytes: changing },
    { operator: 'stays', bytes: staying },
    { operator: 'parts', bytes: part },
    { operator: 'parts', bytes: new Uint8Array(0) },
    { operator: 'parts', bytes: entriesOf(new Random(300), 1) },
    { operator: 'empty', bytes: new Uint8Array(0) },
  ];
  const split = { scan: 's', split: 0, sourceName: 'orders', position: String(epoch) };
  const splits = [{ ...split, highestMs: epoch, ended: false, next: true }];
  return [{ query: 'q', ended: false, sink: String(epoch), splits, operators }];
}

async function written(): Promise<Written> {
  const files = new MemoryFiles();
  const { store } = await openStore(files);
  const texts = new Map<number, string>();
  for (const epoch of EPOCHS) {
    await store.write(contentOf(epoch, stateOf(epoch)));
    texts.set(epoch, textOf(stateOf(epoch)));
  }
  await store.close();
  return { files, texts };
}

let sample: Promise<Written> | null = null;

/** `lies`: the sum is right, and what it stands under is not what velo wrote. */
type Mutation = (files: MemoryFiles, random: Random) => 'damaged' | 'lies';

function anyFolder(files: MemoryFiles, random: Random): MemoryFolder {
  const { names } = files.folder(DIR);
  return names.get(random.pick([...names.keys()])) as MemoryFolder;
}

/** Of one folder, with its name. */
function anyFile(files: MemoryFiles, random: Random): [MemoryFolder, string, MemoryFile] {
  const folder = anyFolder(files, random);
  const name = random.pick([...folder.names.keys()]);
  return [folder, name, folder.names.get(name) as MemoryFile];
}

function onBytes(
  change: (bytes: Uint8Array, random: Random) => Uint8Array,
): (files: MemoryFiles, random: Random) => 'damaged' {
  return (files, random) => {
    const [, , file] = anyFile(files, random);
    file.bytes = change(new Uint8Array(file.bytes), random);
    return 'damaged';
  };
}

function anyRange({ length }: Uint8Array, random: Random): [number, number] {
  const from = random.below(length + 1);
  return [from, from + random.below(length - from + 1)];
}

const MUTATIONS: readonly (readonly [string, Mutation])[] = [
  [
    'bit',
    onBytes((bytes, random) => {
      const at = random.below(Math.max(1, bytes.length));
      if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return bytes;
    }),
  ],
  ['truncate', onBytes((bytes, random) => bytes.slice(0, random.below(bytes.length + 1)))],
  ['zeros', onBytes((bytes, random) => bytes.fill(0, ...anyRange(bytes, random)))],
  [
    'noise',
    onBytes((bytes, random) => {
      const [from, to] = anyRange(bytes, random);
      for (let at = from; at < to; at += 1) bytes[at] = random.below(256);
      return bytes;
    }),
  ],
  [
    'cut out',
    onBytes((bytes, random) => {
      const [from, to] = anyRange(bytes, random);
      return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
    }),
  ],
  [
    'doubled',
    onBytes((bytes, random) => {
      const [from, to] = anyRange(bytes, random);
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
    }),
  ],
  [
    'deleted file',
    (files, random) => {
      const [folder, name] = anyFile(files, random);
      folder.names.delete(name);
      return 'damaged';
    },
  ],
  [
    'renamed file',
    (files, random) => {
      const [folder, name, file] = anyFile(files, random);
      folder.names.delete(name);
      folder.names.set(random.pick([`${name}~`, name.toUpperCase(), 'manifest']), file);
      return 'damaged';
    },
  ],
  [
    'file over another',
    (files, random) => {
      const [, , file] = anyFile(files, random);
      const [folder, name] = anyFile(files, random);
      folder.names.set(name, file);
      return 'damaged';
    },
  ],
  [
    'exchanged files',
    (files, random) => {
      const [folder, name, file] = anyFile(files, random);
      const [otherFolder, otherName, other] = anyFile(files, random);
      folder.names.set(name, other);
      otherFolder.names.set(otherName, file);
      return 'damaged';
    },
  ],
  [
    'file that is a folder',
    (files, random) => {
      const [folder, name] = anyFile(files, random);
      folder.names.set(name, anyFolder(files, random));
      return 'damaged';
    },
  ],
  [
    'deleted epoch',
    (files, random) => {
      const { names } = files.folder(DIR);
      names.delete(random.pick([...names.keys()]));
      return 'damaged';
    },
  ],
  [
    'epoch over another',
    (files, random) => {
      const { names } = files.folder(DIR);
      const folder = anyFolder(files, random);
      names.set(`epoch-000000000${random.below(6)}`, folder);
      return 'damaged';
    },
  ],
  ['lie', lie],
];

/** A number or text of a manifest is another, and its sum is right. */
function lie(files: MemoryFiles, random: Random): 'lies' {
  const file = anyFolder(files, random).names.get('manifest');
  if (file?.kind !== 'file') return 'lies';
  let value: unknown;
  try {
    value = readSummed(file.bytes, 'manifest');
  } catch {
    return 'lies';
  }
  for (let depth = 0, at = value; depth < 20 && typeof at === 'object' && at !== null; depth += 1) {
    const names = Object.keys(at);
    if (names.length === 0) break;
    const name = random.pick(names);
    const record = at as Record<string, unknown>;
    if (typeof record[name] !== 'object' || random.chance(5)) {
      record[name] = random.pick([
        -1,
        0,
        1,
        2 ** 31,
        2 ** 40,
        2 ** 53,
        1e300,
        '',
        'x',
        null,
        [],
        {},
      ]);
      break;
    }
    at = record[name];
  }
  file.bytes = summedText(value);
  return 'lies';
}

/** Files that a checkpoint has; others beside them are nobody's business. */
const OWN_NAME = /^(manifest|\d{4}-[a-z]+\.state)$/;

function epochIn(files: MemoryFiles, epoch: number): MemoryFolder | null {
  const folder = files.folder(DIR).names.get(`epoch-000000000${epoch}`);
  return folder?.kind === 'folder' ? folder : null;
}

function hasSameFiles(folder: MemoryFolder, whole: MemoryFolder): boolean {
  const names = [...folder.names.keys()].filter((name) => OWN_NAME.test(name));
  return (
    names.length === whole.names.size &&
    [...whole.names].every(([name, node]) => {
      const left = folder.names.get(name);
      if (left?.kind !== 'file' || node.kind !== 'file') return false;
      return left.bytes === node.bytes || Buffer.compare(left.bytes, node.bytes) === 0;
    })
  );
}

async function codeOf(work: Promise<unknown>): Promise<string | null> {
  try {
    await work;
    return null;
  } catch (error) {
    if (error instanceof StateError && STATE_CODES.includes(error.code)) return error.code;
    throw error;
  }
}

fuzz({
  file: 'checkpoints',
  name: 'damaged checkpoints are found, or are as they were written',
  sample: 1_000,
  cpuMsMax: CPU_MS_MAX,
  run: async ({ random, shows, counts }) => {
    sample ??= written();
    const whole = await sample;
    for (let left = MUTANTS; left > 0; left -= 1) {
      counts(await outcomeOf(whole, random, shows));
    }
  },
});

/** Of one mutant. */
async function outcomeOf(
  { files: whole, texts }: Written,
  random: Random,
  shows: (text: string) => void,
): Promise<string> {
  const files = whole.copy();
  const names: string[] = [];
  let isTrue = true;
  for (let left = 1 + random.below(3); left > 0; left -= 1) {
    const [name, mutate] = random.pick(MUTATIONS);
    // What an earlier one has taken away cannot be changed again.
    const folders = [...files.folder(DIR).names.values()];
    if (folders.length === 0 || folders.some((node) => isBare(node))) break;
    names.push(name);
    if (mutate(files, random) === 'lies') isTrue = false;
  }
  shows(names.join(', '));
  const reader = new CheckpointReader(DIR, files);
  // Of one epoch; `latest` looks at them until it has found one.
  const epoch = random.pick(EPOCHS);
  const original = epochIn(whole, epoch);
  if (isTrue && original !== null) {
    await expectVerdict(reader, epoch, epochIn(files, epoch), original);
  }
  try {
    const found = await reader.latest();
    if (found === null) return 'nothing is left';
    const isRight = textOf(found.state) === texts.get(found.epoch);
    if (isTrue && !isRight) throw new Error(`another state, of epoch ${found.epoch}`);
    return isRight ? `epoch ${found.epoch}, as it was` : 'as a lying manifest says';
  } catch (error) {
    return (await codeOf(Promise.reject(error as Error))) ?? '';
  }
}

/** A folder without files, or one that holds folders: nothing more is done to it. */
function isBare(node: MemoryFolder | MemoryFile): boolean {
  if (node.kind === 'file' || node.names.size === 0) return true;
  return [...node.names.values()].some(({ kind }) => kind === 'folder');
}

/** Whole if and only if every file is there as it was. */
async function expectVerdict(
  reader: CheckpointReader,
  epoch: number,
  folder: MemoryFolder | null,
  whole: MemoryFolder,
): Promise<void> {
  if (folder === null) {
    const code = await codeOf(reader.verify(epoch));
    if (code !== 'VELO_CHECKPOINT_NOT_FOUND')
      throw new Error(`verified what is not there: ${epoch}`);
    return;
  }
  const isSame = hasSameFiles(folder, whole);
  const { problems } = await reader.verify(epoch);
  if (isSame === (problems.length === 0)) return;
  const said = problems.map(({ message }) => message).join('; ') || 'whole';
  throw new Error(`epoch ${epoch} is ${isSame ? 'as it was' : 'changed'}, and found ${said}`);
}
