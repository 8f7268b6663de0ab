/**
 * Opens what a table of the file connector writes to. Owns the choice: a file that takes its
 * target's place, a device, or a stream for stdout, descriptors and pipes, to which rows go as to
 * stdout. A pipe is opened when it has a reader, without blocking a thread until then.
 */
import { constants, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectorError } from '../../base/errors.js';
import { openContainerEncoder } from '../../formats/container/container-encoder.js';
import type { ContainerWriting } from '../../formats/container/container-encoder.js';
import { createRowEncoder } from '../../formats/encoder-choice.js';
import { ByteBuffer } from '../../formats/columns/byte-buffer.js';
import type { RowEncoding } from '../../formats/encoder.js';
import type { SinkEnvironment } from '../connector.js';
import type { Sink, SinkRequest } from '../sink.js';
import { listenersOf, StreamSink } from '../stream-sink.js';
import { packingOf } from './compressed/packing.js';
import type { AppendForm } from './append-target.js';
import { FileSink } from './file-sink.js';
import { fileTarget, targetKey } from './file-target.js';
import { OutputFile } from './output-file.js';
import { PartNames } from './rolling/part-names.js';
import { RollingSink } from './rolling/rolling-sink.js';
import type { RollingPolicy } from './rolling/rolling-sink.js';
import { writeFailure } from './write-failure.js';

/** How often a pipe without a reader is looked at. */
const READER_INTERVAL_MS = 20;

/** What is written where; rows are encoded one by one, or by a container. */
export type FileWriting = {
  readonly path: string;
  readonly append: boolean;
  readonly rolling: RollingPolicy | null;
} & (
  | { readonly encoding: RowEncoding; readonly container: null }
  | { readonly encoding: null; readonly container: ContainerWriting }
);

export async function openFileOutput(
  request: SinkRequest,
  output: FileWriting,
  environment: SinkEnvironment,
): Promise<Sink> {
  const { path, encoding, container, rolling } = output;
  const target = fileTarget(path);
  if (rolling !== null) return openRolling(request, { ...output, rolling }, environment);
  if (target.kind === 'descriptor' || target.kind === 'fifo') {
    const encoder =
      encoding === null
        ? await openContainerEncoder(request.schema, container)
        : createRowEncoder(encoding.format, request.schema, encoding.options);
    const stream = await streamOf(path, target, environment);
    const own = stream !== environment.stdout && stream !== process.stderr;
    const output = { stream, name: `file "${path}"`, own, ...listenersOf(environment) };
    return new StreamSink(encoder, output, encoding);
  }
  const open = async (): Promise<OutputFile> =>
    OutputFile.open({
      name: path,
      target,
      publishesAtEnd: request.endless !== true,
      notice: request.notice,
      packing: target.kind === 'file' ? packingOf(path) : null,
      append:
        output.append && target.kind === 'file' ? appendForm(target.path, output, request) : null,
      container: container === null ? null : await openContainerEncoder(request.schema, container),
      checkpoints: request.checkpoints ?? null,
    });
  const file = environment.shared?.get(targetKey(path), open) ?? open();
  return new FileSink(await file, request.schema, encoding);
}

/** Parts beside the path; queries of one job that name it count them together. */
async function openRolling(
  request: SinkRequest,
  output: FileWriting & { readonly rolling: RollingPolicy },
  environment: SinkEnvironment,
): Promise<Sink> {
  const { path, rolling } = output;
  const target = fileTarget(path);
  try {
    if (target.kind !== 'file') throw new Error('parts are files, and it is none');
    const newNames = (): Promise<PartNames> => Promise.resolve(new PartNames(target.path));
    const { shared } = environment;
    const names = await (shared?.get(`parts of ${targetKey(path)}`, newNames) ?? newNames());
    return await RollingSink.begin(rolling, () => openPart(request, output, names.take()));
  } catch (error) {
    throw error instanceof ConnectorError ? error : writeFailure(path, error);
  }
}

async function openPart(
  { schema, notice }: SinkRequest,
  { encoding, container }: FileWriting,
  path: string,
): Promise<FileSink> {
  const target = fileTarget(path);
  if (target.kind !== 'file') throw writeFailure(path, new Error('it is no file'));
  const file = await OutputFile.open({
    name: path,
    target,
    publishesAtEnd: true,
    notice,
    packing: packingOf(path),
    append: null,
    container: container === null ? null : await openContainerEncoder(schema, container),
    checkpoints: null,
  });
  return new FileSink(file, schema, encoding);
}

function appendForm(
  path: string,
  { path: name, encoding }: FileWriting,
  { schema }: SinkRequest,
): AppendForm | null {
  if (encoding === null) return null;
  const header = new ByteBuffer();
  createRowEncoder(encoding.format, schema, encoding.options).begin(header);
  const { format, options } = encoding;
  const isPacked = packingOf(name) !== null;
  return {
    name,
    path,
    format,
    header: header.copy(),
    delimiter: options.delimiter ?? ',',
    isPacked,
  };
}

async function streamOf(
  path: string,
  target: { readonly kind: 'descriptor'; readonly fd: number } | { readonly kind: 'fifo' },
  { stdout }: SinkEnvironment,
): Promise<Writable> {
  try {
    if (target.kind === 'fifo') return socketOf(await openPipe(path));
    if (target.fd === 1) return stdout;
    if (target.fd === 2) return process.stderr;
    if (!fstatSync(target.fd).isFile()) return socketOf(target.fd);
    const { createWriteStream } = await import('node:fs');
    return createWriteStream(path, { fd: target.fd });
  } catch (error) {
    throw writeFailure(path, error);
  }
}

function socketOf(fd: number): Socket {
  return new Socket({ fd, readable: false, writable: true });
}

async function openPipe(path: string): Promise<number> {
  for (;;) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
      await delay(READER_INTERVAL_MS);
    }
  }
}
