/**
 * A topic's blocks, each with the schemas that its records name, for formats of a schema registry:
 * decoders are synchronous, so a block waits here until its schemas are looked up. Wraps any way to
 * fetch; V1, V2's workers and V2's main thread read through it alike. Owns the waiting only: asking
 * is schema-registry.ts, learning is block-decoder.ts.
 *
 *   fetched block ──► ids of its records ──► all known? ──yes──► handed out with its schemas
 *                                               │no
 *                                               └──► 'wait' until they are looked up
 */
import { framedSchemaId, NO_FRAME } from '../../../formats/message/wire-schema.js';
import type { WriterSchema } from '../../../formats/message/wire-schema.js';
import type { KafkaBlocks, KafkaSplitBlocks } from '../blocks/blocks.js';
import { follow } from '../blocks/growing-splits.js';
import type { MessageBlock } from '../blocks/message-block.js';
import { TOO_LARGE } from '../blocks/message-block.js';
import type { MessageBlockView } from '../blocks/message-wire.js';
import { SchemaRegistry } from './schema-registry.js';
import type { RegistryTalk } from './schema-registry.js';
import type { RegistryEndpoint } from '../settings/schema-options.js';

/** Which part of a record names its schema. */
type Part = 'value' | 'key';

/** `endpoint` null: the format needs no registry, and the blocks are handed out as they are. */
export function withSchemas(
  blocks: KafkaBlocks,
  part: Part,
  endpoint: RegistryEndpoint | null,
  talk: RegistryTalk,
): KafkaBlocks {
  if (endpoint === null) return blocks;
  const registry = new SchemaRegistry(endpoint, talk);
  const splits: SchemaSplit[] = [];
  return {
    bounded: blocks.bounded,
    topic: blocks.topic,
    path: blocks.path,
    get splits() {
      return follow(blocks.splits, splits, (split) => new SchemaSplit(split, part, registry));
    },
    commit: () => blocks.commit(),
    hurry: () => {
      blocks.hurry();
    },
    close: () => {
      registry.close();
      return blocks.close();
    },
  };
}

/** Most ids that a split asks for at once: damaged records may name any number of them. */
const LOOK_UPS_MAX = 16;

class SchemaSplit implements KafkaSplitBlocks {
  readonly split: number;
  readonly topic: string;
  readonly range: KafkaSplitBlocks['range'];
  private readonly inner: KafkaSplitBlocks;
  private readonly part: Part;
  private readonly registry: SchemaRegistry;
  /** A block that waits for its schemas, and where the split stood before it. */
  private held: MessageBlockView | null = null;
  private heldPosition = '';
  private heldRows = 0;
  private lookUp: Promise<void> | null = null;
  private failure: unknown = null;
  /** Schemas of the last block, which mostly are those of the next. */
  private schemas: readonly WriterSchema[] = [];

  constructor(inner: KafkaSplitBlocks, part: Part, registry: SchemaRegistry) {
    this.part = part;
    this.split = inner.split;
    this.topic = inner.topic;
    this.range = inner.range;
    this.inner = inner;
    this.registry = registry;
  }

  next(): MessageBlockView | 'wait' | 'end' {
    if (this.failure !== null) throw this.failure;
    if (this.lookUp !== null) return 'wait';
    if (this.held === null) {
      const { inner } = this;
      this.heldPosition = inner.position();
      this.heldRows = inner.rowsRead();
      const view = inner.next();
      if (typeof view === 'string') return view;
      this.held = view;
    }
    const { held } = this;
    const ids = this.part === 'value' ? schemaIds(held.block) : keySchemaIds(held.block);
    const missing = ids.filter((id) => this.registry.known(id) === undefined);
    if (missing.length > 0) {
      this.ask(missing.slice(0, LOOK_UPS_MAX));
      return 'wait';
    }
    if (this.part === 'value') held.block.schemas = this.schemasOf(ids);
    else held.block.keySchemas = this.schemasOf(ids);
    this.held = null;
    return held;
  }

  ready(): Promise<void> {
    if (this.failure !== null) return Promise.resolve();
    return this.lookUp ?? this.inner.ready();
  }

  position(): string {
    return this.held === null ? this.inner.position() : this.heldPosition;
  }

  seek(position: string): void {
    this.inner.seek(position);
  }

  rowsRead(): number {
    return this.held === null ? this.inner.rowsRead() : this.heldRows;
  }

  lag(): number | null {
    return this.inner.lag();
  }

  finishedThrough(nextOffset: number): void {
    this.inner.finishedThrough(nextOffset);
  }

  private ask(ids: readonly number[]): void {
    this.lookUp = Promise.all(ids.map((id) => this.registry.lookUp(id))).then(
      () => {
        this.lookUp = null;
      },
      (error: unknown) => {
        this.lookUp = null;
        this.failure = error;
      },
    );
  }

  /** The same list for the same schemas: whoever writes it to other threads does so once. */
  private schemasOf(ids: readonly number[]): readonly WriterSchema[] {
    const schemas = ids.flatMap((id) => this.registry.known(id) ?? []);
    const { schemas: last } = this;
    const same = schemas.length === last.length && schemas.every((each, at) => each === last[at]);
    if (!same) this.schemas = schemas;
    return this.schemas;
  }
}

/** The distinct schema ids that a block's records name. O(records). */
function schemaIds({ bytes, starts, ends, rowCount }: MessageBlock): number[] {
  const ids: number[] = [];
  let last = NO_FRAME;
  for (let row = 0; row < rowCount; row += 1) {
    const end = ends[row] ?? TOO_LARGE;
    if (end === TOO_LARGE) continue;
    const id = framedSchemaId(bytes, starts[row] ?? 0, end);
    if (id === last || id === NO_FRAME) continue;
    last = id;
    if (!ids.includes(id)) ids.push(id);
  }
  return ids;
}

/** The same of its records' keys. */
function keySchemaIds({ bytes, keyStarts, keyLengths, rowCount }: MessageBlock): number[] {
  const ids: number[] = [];
  for (let row = 0; row < rowCount; row += 1) {
    const start = keyStarts[row] ?? 0;
    const id = framedSchemaId(bytes, start, start + (keyLengths[row] ?? 0));
    if (id !== NO_FRAME && !ids.includes(id)) ids.push(id);
  }
  return ids;
}
