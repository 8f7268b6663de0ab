/**
 * `velo datagen`: the rows of a generator table, written to a file or a topic. Owns its flags, the
 * topic that has to be there first, progress and summary; the writing is job/write-table.
 */
import type { Command } from 'commander';
import { environmentVariable } from '../base/environment-variable.js';
import { ConfigError } from '../base/errors.js';
import { addressed } from '../connectors/registry.js';
import { planTableWrite, targetTable } from '../job/write-table.js';
import type { OpenTableWrite, WriteTarget } from '../job/write-table.js';
import type { JobResult } from '../processors/job-processor.js';
import { exitCodeOf } from './terminal/exit-code.js';
import { Interrupt } from './terminal/interrupt.js';
import { shareText, timeLeft } from './terminal/progress-text.js';
import {
  addTalkFlags,
  choiceFlag,
  pairFlag,
  readSqlText,
  verbosityOf,
  wholeFlag,
} from './options.js';
import type { TalkFlags } from './options.js';
import { countText, rateText, Terminal } from './terminal/terminal.js';

const FORMATS = ['json', 'csv'] as const;
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

interface DatagenFlags extends TalkFlags {
  readonly table?: string;
  readonly to: string;
  readonly rows?: number;
  readonly rate?: number;
  readonly format?: (typeof FORMATS)[number];
  readonly key?: string;
  readonly partitions?: number;
  readonly compression?: (typeof CODECS)[number];
  readonly set?: ReadonlyMap<string, string>;
}

const PROGRESS_MS = 200;

const EXAMPLES = `
Examples:
  $ velo datagen orders.sql --table orders --to orders.jsonl
  $ velo datagen orders.sql --table orders --to kafka://localhost:9092/orders --rows 5m
  $ velo datagen orders.sql --table orders --to kafka://localhost:9092/orders \\
      --key customer_id --partitions 8 --compression lz4 --rate 50k
  $ velo datagen orders.sql --to 'kafka://broker:9093/orders?properties.security.protocol=SSL'`;

export function addDatagenCommand(program: Command): void {
  const command = program
    .command('datagen')
    .argument('<file>', 'SQL file that declares the table, or - for stdin')
    .description('write the rows of a generator table to a topic or a file')
    .option('--table <name>', 'the generator table; needed where the file has several')
    .requiredOption(
      '--to <URI>',
      'a file, - for stdout, or kafka://host:port/topic, with ?option=value as in WITH',
    )
    .option('--rows <n>', "so many rows, instead of the table's own", wholeFlag('--rows', 0))
    .option('--rate <n>', 'rows per second (default: as fast as they go)', wholeFlag('--rate', 1))
    .option(
      '--format <format>',
      'json (JSON lines in a file), csv',
      choiceFlag('--format', FORMATS),
    )
    .option('--key <columns>', "topic: columns of the records' key, like customer_id,order_id")
    .option(
      '--partitions <n>',
      'topic: partitions of one that has to be created',
      wholeFlag('--partitions', 1),
    )
    .option(
      '--compression <codec>',
      'topic: none, gzip, snappy, lz4, zstd',
      choiceFlag('--compression', CODECS),
    )
    .option('--set <key=value>', 'as SET in front of the file', pairFlag('--set'));
  addTalkFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, flags: DatagenFlags) => {
      process.exitCode = await datagen(file, flags);
    });
}

async function datagen(file: string, flags: DatagenFlags): Promise<number> {
  const terminal = new Terminal(verbosityOf(flags));
  try {
    const source = await readSqlText(file, undefined);
    const target = targetOf(flags);
    const write = planTableWrite({
      source,
      variables: environmentVariable,
      settings: Object.fromEntries(flags.set ?? []),
      table: flags.table ?? null,
      rows: flags.rows ?? null,
      rate: flags.rate ?? null,
      target,
      notice: (line) => terminal.note(line),
    });
    const place =
      target.connector === 'kafka'
        ? await prepareTopic(write, target, flags, terminal)
        : `"${flags.to}"`;
    return await writeRows(write, place, terminal);
  } catch (error) {
    terminal.error(error);
    return exitCodeOf(error);
  }
}

/** The sink's options; flags of topics are refused for files. */
function targetOf(flags: DatagenFlags): WriteTarget {
  const { connector, options } = addressed(flags.to);
  const format = flags.format === undefined ? {} : { format: flags.format };
  const topicOnly = (['key', 'partitions', 'compression'] as const).find(
    (name) => flags[name] !== undefined,
  );
  if (connector !== 'kafka' && topicOnly !== undefined) {
    throw new ConfigError('FLAG_INVALID', {
      message: `--${topicOnly} says something about a topic, and "${flags.to}" is a file`,
      hint: 'leave it away, or write to kafka://host:port/topic',
    });
  }
  const { key, compression } = flags;
  return {
    connector,
    options: {
      ...options,
      ...format,
      ...(key === undefined ? {} : { 'key.fields': key }),
      ...(compression === undefined ? {} : { 'properties.compression.type': compression }),
    },
  };
}

/** Finds the topic or creates it; what the summary calls it. */
async function prepareTopic(
  { table }: OpenTableWrite,
  target: WriteTarget,
  { partitions }: DatagenFlags,
  terminal: Terminal,
): Promise<string> {
  const { endpointOf, findOrCreateTopic } =
    await import('../connectors/kafka/librdkafka/topic-admin.js');
  const endpoint = endpointOf(targetTable(table, target));
  const shape = { partitions: partitions ?? null, configs: {} };
  const found = await findOrCreateTopic(endpoint, shape);
  const count = found.partitions.length;
  const name = `topic "${endpoint.topic}"`;
  const plural = `${count} ${count === 1 ? 'partition' : 'partitions'}`;
  if (partitions !== undefined && count !== partitions) {
    throw new ConfigError('FLAG_INVALID', {
      message: `${name} has ${plural} already, not ${partitions}`,
      hint: 'leave --partitions away, or name another topic',
    });
  }
  if (found.created) terminal.note(`created ${name} with ${plural}`);
  return name;
}

async function writeRows(
  { processor, table, bytesWritten }: OpenTableWrite,
  place: string,
  terminal: Terminal,
): Promise<number> {
  const interrupt = new Interrupt(terminal);
  interrupt.watch(processor);
  const timer = setInterval(() => {
    const metrics = processor.metrics();
    const { rowsOut, seconds, share } = metrics;
    const parts = [
      `${countText(rowsOut)} rows${shareText(share)}${byteCount(bytesWritten())}`,
      ...(seconds > 0 ? [`${rateText(rowsOut / seconds)} rows/s`] : []),
      ...timeLeft(metrics),
    ];
    terminal.progress(parts.join(' · '));
  }, PROGRESS_MS);
  try {
    const result = await processor.start();
    terminal.stopProgress();
    terminal.summary(summaryLine(result, { table, place, bytes: bytesWritten() }));
    return interrupt.exitCode ?? 0;
  } finally {
    clearInterval(timer);
    terminal.stopProgress();
    interrupt.unwatch();
  }
}

function summaryLine(
  { rowsOut, seconds, end }: JobResult,
  what: { readonly table: string; readonly place: string; readonly bytes: number | null },
): string {
  const rate = seconds > 0 ? rowsOut / seconds : Number.NaN;
  const head = end === 'stopped' ? 'stopped' : 'written';
  return [
    `${head} "${what.table}" to ${what.place}`,
    `${countText(rowsOut)} rows${byteCount(what.bytes)}`,
    `${seconds.toFixed(2)} s`,
    `${rateText(rate)} rows/s`,
  ].join(' · ');
}

function byteCount(bytes: number | null): string {
  return bytes === null ? '' : ` · ${countText(bytes)} bytes`;
}
