/**
 * Which connector opens what. Owns the choice by a table's connector name or a URI's scheme; each
 * connector validates its own options. Kafka is loaded when first asked for, so that a missing
 * node-rdkafka costs only Kafka.
 */
import type { Writable } from 'node:stream';
import { ConfigError } from '../base/errors.js';
import type { PhysicalColumn, TableDefinition } from '../plan/schema.js';
import { createRowEncoder } from '../formats/encoder.js';
import type { OutputFormat } from '../formats/encoder.js';
import { TableEncoder } from '../formats/table-encoder.js';
import { BlackholeSink } from './blackhole.js';
import { openFileLineWriter, openFileSink, openFileSource } from './file.js';
import { openGenerator } from './generator.js';
import { inferFileSchema } from './infer-schema.js';
import type { Sink, SinkRequest } from './sink.js';
import type { Source, SourceRequest } from './source.js';
import { StdoutSink } from './stdout.js';

/** What a sink may need of the process. */
export interface SinkEnvironment {
  readonly stdout: Writable;
  readonly format: OutputFormat | 'table';
  /** The reader of stdout went away. */
  readonly onStdoutClosed: () => void;
}

/** A source that a query names by a quoted path or URI. */
export interface QuotedSchema {
  readonly connector: string;
  readonly options: Readonly<Record<string, string>>;
  readonly columns: readonly PhysicalColumn[];
  readonly bounded: boolean;
}

/** Bytes that are not rows: dead letters. */
export interface LineWriter {
  write(line: Uint8Array): void;
  close(): Promise<void>;
}

/** kafka://host:port[,host:port]/topic[?option=value&…]: the parameters are WITH options. */
const KAFKA_URI = /^kafka:\/\/([^/]+)\/([^?]+)(?:\?(.*))?$/;

export async function openSource(request: SourceRequest): Promise<Source> {
  switch (request.table.connector) {
    case 'generator':
      return openGenerator(request);
    case 'file':
      return openFileSource(request);
    case 'kafka':
      return (await import('./kafka/source.js')).openKafkaSource(request);
    default:
      throw new ConfigError('SETTING_INVALID', {
        message: `connector "${request.table.connector}" of table "${request.table.name}" cannot be read from`,
        hint: "sources are 'kafka', 'file' and 'generator'",
      });
  }
}

export async function openSink(request: SinkRequest, environment: SinkEnvironment): Promise<Sink> {
  const connector = request.table === null ? 'stdout' : request.table.connector;
  switch (connector) {
    case 'stdout': {
      const format = stdoutFormat(request, environment);
      const options = { changelog: request.changelog };
      const target = { stream: environment.stdout, onClosed: environment.onStdoutClosed };
      if (format === 'table') {
        return new StdoutSink(new TableEncoder(request.schema, options), target);
      }
      const encoding = { format, options };
      return new StdoutSink(createRowEncoder(format, request.schema, options), target, encoding);
    }
    case 'blackhole':
      return new BlackholeSink(request);
    case 'file':
      return openFileSink(request);
    case 'kafka':
      return (await import('./kafka/sink.js')).openKafkaSink(request);
    default:
      throw new ConfigError('SETTING_INVALID', {
        message: `connector "${connector}" of table "${request.table?.name ?? ''}" cannot be written to`,
        hint: "sinks are 'kafka', 'file', 'stdout' and 'blackhole'",
      });
  }
}

const STDOUT_FORMATS = ['table', 'jsonl', 'json', 'csv', 'markdown'] as const;

function stdoutFormat(request: SinkRequest, environment: SinkEnvironment): OutputFormat | 'table' {
  const option = request.table?.options['format'];
  if (option === undefined) return environment.format;
  const found = STDOUT_FORMATS.find((format) => format === option);
  if (found !== undefined) return found;
  throw new ConfigError('SETTING_INVALID', {
    message: `unknown format "${option}" of sink "${request.table?.name ?? ''}"`,
    hint: `choose one of ${STDOUT_FORMATS.join(', ')}`,
  });
}

/** Schema and options of `FROM 'uri'`, from at most 1,000 of its records. */
export async function inferQuotedSource(uri: string): Promise<QuotedSchema> {
  const kafka = KAFKA_URI.exec(uri);
  if (kafka !== null) {
    const { inferKafkaSchema } = await import('./kafka/infer.js');
    const table = kafkaTable(uri, kafka);
    const columns = await inferKafkaSchema(uri, table);
    const { options } = table;
    const bounded = (options['scan.bounded.mode'] ?? 'unbounded') !== 'unbounded';
    return { connector: 'kafka', options, columns, bounded };
  }
  const { columns, format } = await inferFileSchema(uri);
  return { connector: 'file', options: { path: uri, format }, columns, bounded: true };
}

/** WITH options that a URI stands for: `--source table=URI`, quoted sources. */
export function connectorOfUri(uri: string): {
  readonly connector: string;
  readonly options: Readonly<Record<string, string>>;
} {
  const kafka = KAFKA_URI.exec(uri);
  if (kafka !== null) return { connector: 'kafka', options: kafkaOptions(kafka) };
  return {
    connector: 'file',
    options: { path: uri, format: uri.endsWith('.csv') ? 'csv' : 'json' },
  };
}

function kafkaOptions(match: RegExpExecArray): Record<string, string> {
  return {
    topic: match[2] as string,
    'properties.bootstrap.servers': match[1] as string,
    'scan.startup.mode': 'earliest-offset',
    format: 'json',
    ...Object.fromEntries(new URLSearchParams(match[3] ?? '')),
  };
}

/** A table of which nothing is known but its URI. */
function kafkaTable(uri: string, match: RegExpExecArray): TableDefinition {
  return {
    name: uri,
    connector: 'kafka',
    options: kafkaOptions(match),
    physical: [],
    columns: [],
    watermark: null,
    primaryKey: [],
    bounded: false,
  };
}

/** Where dead letters go: a file path or kafka://host:port/topic?option=value. */
export async function openLineWriter(uri: string): Promise<LineWriter> {
  const kafka = KAFKA_URI.exec(uri);
  if (kafka === null) return openFileLineWriter(uri);
  const { openKafkaLineWriter } = await import('./kafka/line-writer.js');
  return openKafkaLineWriter({ uri, table: kafkaTable(uri, kafka) });
}
