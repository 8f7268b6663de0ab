/**
 * `velo run` processes in one consumer group, as tests of groups start and kill them, and what all
 * of them together have read. Owns what they are given to read, the count of what came twice, and
 * whether it may have.
 */
import kafka from 'node-rdkafka';
import { velo } from '../support/velo-process.js';
import type { VeloRun } from '../support/velo-process.js';
import { ids, produce, promise } from './harness.js';

/** Ten times the session of a killed member. */
const UNTIL_MS = 60_000;
const MORE = 600;

export interface Place {
  readonly partition: number;
  readonly offset: number;
}

export type Architecture = 'v1' | 'v2';

/** A topic of ids, read by a member of the group. */
export function memberTable(brokers: string, topic: string, group: string, more = ''): string {
  return `CREATE TABLE t (id BIGINT)
    WITH ('connector' = 'kafka', 'topic' = '${topic}', 'format' = 'json',
      'properties.bootstrap.servers' = '${brokers}', 'properties.group.id' = '${group}',
      'properties.session.timeout.ms' = '6000', 'properties.heartbeat.interval.ms' = '1000'${more});`;
}

/** A process and its way to end. */
export class Member {
  readonly architecture: Architecture;
  readonly run: Promise<VeloRun>;
  signal: (name: NodeJS.Signals) => void = () => undefined;
  /** Rows that this one gave. */
  rows = 0;

  constructor(
    sql: string,
    seen: Seen,
    options: { readonly architecture: Architecture; readonly limitMs: number },
  ) {
    this.architecture = options.architecture;
    let rest = '';
    const arch = options.architecture === 'v1' ? [] : ['--arch', 'v2', '--workers', '2'];
    this.run = velo(['run', ...arch, '-e', sql], {
      limitMs: options.limitMs,
      started: (signal) => {
        this.signal = signal;
      },
      stdout: (text) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        this.rows += lines.length;
        seen.take(lines);
      },
    });
  }
}

/** Rows of all processes together. */
export class Seen {
  /** What the group had committed when a member was killed. */
  readonly committed: ReadonlyMap<number, number>[] = [];
  private readonly places = new Map<number, Place>();
  private readonly twice: { readonly place: Place; readonly kills: number }[] = [];
  private count = 0;
  private last: Readonly<Record<string, unknown>> = {};
  private looks: (() => void)[] = [];

  take(lines: readonly string[]): void {
    for (const line of lines) {
      this.count += 1;
      const row = JSON.parse(line) as { id?: number; p: number; o: number };
      this.last = row;
      const { id, p, o } = row;
      if (id === undefined) continue;
      const place = { partition: p, offset: o };
      if (this.places.has(id)) this.twice.push({ place, kills: this.committed.length });
      else this.places.set(id, place);
    }
    for (const look of this.looks) look();
  }

  ids(): number[] {
    return [...this.places.keys()];
  }

  /** How many different records came. */
  get size(): number {
    return this.places.size;
  }

  /** Records that came more than once, as often as they did. */
  get repeats(): number {
    return this.twice.length;
  }

  /** Resolves when so many different records were seen. */
  atLeast(records: number): Promise<void> {
    return this.until(() => this.places.size >= records);
  }

  rows(count: number): Promise<void> {
    return this.until(() => this.count >= count);
  }

  /** Resolves when the last row has these values. */
  saw(row: Readonly<Record<string, unknown>>): Promise<void> {
    return this.until(() =>
      Object.entries(row).every(([name, value]) => this.last[name] === value),
    );
  }

  /** Records that came again although they were committed before the last kill. */
  unexplained(): Place[] {
    return this.twice
      .filter(
        ({ place, kills }) => place.offset < (this.committed[kills - 1]?.get(place.partition) ?? 0),
      )
      .map(({ place }) => place);
  }

  /** Resolves when rows have made the condition true; rejects when none did so in time. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        clearTimeout(timer);
        this.looks = this.looks.filter((other) => other !== look);
        settle();
      };
      const timer = setTimeout(() => {
        const got = `${this.places.size} records, ${this.count} rows`;
        end(() => reject(new Error(`not in ${UNTIL_MS} ms: ${condition.toString()} (${got})`)));
      }, UNTIL_MS);
      const look = (): void => {
        if (condition()) end(resolve);
      };
      this.looks.push(look);
      look();
    });
  }
}

/** What a topic of ids is given, while members read it. */
export class Feed {
  produced = 0;
  private readonly brokers: string;
  private readonly place: { readonly topic: string; readonly partitions: number };
  private readonly seen: Seen;

  constructor(
    brokers: string,
    place: { readonly topic: string; readonly partitions: number },
    seen: Seen,
  ) {
    this.brokers = brokers;
    this.place = place;
    this.seen = seen;
  }

  async wave(records: number): Promise<void> {
    const { topic, partitions } = this.place;
    await produce(this.brokers, topic, ids(records, partitions, this.produced));
    this.produced += records;
  }

  /** A member that has just come may get its partitions when others have read all there was. */
  async untilReads(member: Member): Promise<void> {
    while (member.rows === 0) {
      if (this.seen.size === this.produced) await this.wave(MORE);
      await this.seen.until(() => member.rows > 0 || this.seen.size === this.produced);
    }
  }
}

/** By partition; 0 where the group has no offset. */
export async function committedOffsets(
  brokers: string,
  group: string,
  topic: { readonly topic: string; readonly partitions: number },
): Promise<ReadonlyMap<number, number>> {
  const consumer = new kafka.KafkaConsumer({ 'bootstrap.servers': brokers, 'group.id': group }, {});
  await new Promise<void>((resolve, reject) => {
    consumer.connect({ timeout: 10_000 }, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  const asked = Array.from({ length: topic.partitions }, (_, partition) => ({
    topic: topic.topic,
    partition,
  }));
  const found = await new Promise<{ partition: number; offset?: number }[]>((resolve, reject) => {
    consumer.committed(asked, 10_000, (error, offsets) => {
      if ((error as unknown) instanceof Error) reject(error);
      else resolve(offsets as { partition: number; offset?: number }[]);
    });
  });
  await new Promise((resolve) => consumer.disconnect(resolve));
  return new Map(found.map(({ partition, offset }) => [partition, Math.max(0, offset ?? 0)]));
}

/** The topic has so many partitions from now on. */
export async function addPartitions(brokers: string, topic: string, total: number): Promise<void> {
  const admin = kafka.AdminClient.create({ 'bootstrap.servers': brokers });
  try {
    await promise((done) => {
      admin.createPartitions(topic, total, 10_000, done);
    });
  } finally {
    admin.disconnect();
  }
}
