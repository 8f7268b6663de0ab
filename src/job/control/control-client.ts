/**
 * Asks a running job by the folder of its checkpoints. Owns the connection and what can be wrong
 * with it, told apart for the user: no job, one of another machine or user, one that does not
 * answer, one that ends meanwhile.
 */
import { createConnection } from 'node:net';
import { stat } from 'node:fs/promises';
import { ERROR_CODES } from '../../base/error-codes.js';
import type { ErrorKey } from '../../base/error-codes.js';
import { VeloError } from '../../base/errors.js';
import { systemCode, systemReason } from '../../base/system-reason.js';
import { holderOf } from '../../state/checkpoint/checkpoint-lock.js';
import { answerSchema } from './control-messages.js';
import type { ControlAnswer, ControlRequest } from './control-messages.js';
import { controlPath } from './control-path.js';

export type GivenAnswer = Exclude<ControlAnswer, { kind: 'error' }>;

export interface AskOptions {
  /** null: it may take as long as it takes. */
  readonly limitMs: number | null;
}

/** Rejects with JOB_NOT_FOUND, JOB_UNREACHABLE, JOB_ENDED, or what the job says itself. */
export async function askJob(
  dir: string,
  request: ControlRequest,
  { limitMs }: AskOptions,
): Promise<GivenAnswer> {
  const answer = answerOf(await exchanged(dir, `${JSON.stringify(request)}\n`, limitMs), dir);
  if (answer.kind !== 'error') return answer;
  const { key, message, hint } = answer.error;
  throw new VeloError(key in ERROR_CODES ? (key as ErrorKey) : 'JOB_UNREACHABLE', {
    message,
    hint,
  });
}

async function exchanged(dir: string, line: string, limitMs: number | null): Promise<string> {
  await requireFolder(dir);
  const place = await controlPath(dir).catch((error: unknown) => {
    throw unreachable(dir, error);
  });
  if (place === null) {
    throw new VeloError('JOB_UNREACHABLE', {
      message: `the path of "${dir}" is too long for a socket`,
      hint: 'go to the folder and ask there: velo job status .',
    });
  }
  try {
    return await lineOf(place.path, line, limitMs);
  } catch (error) {
    throw error instanceof VeloError ? error : await failureOf(dir, error);
  } finally {
    await place.close();
  }
}

function lineOf(path: string, line: string, limitMs: number | null): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    const timer =
      limitMs === null
        ? undefined
        : setTimeout(() => {
            socket.destroy(
              new VeloError('JOB_UNREACHABLE', {
                message: `the job has not answered within ${limitMs / 1000} s`,
                hint: 'it is busy, or stands still: ask again, or look at its process',
              }),
            );
          }, limitMs);
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (piece: string) => {
      text += piece;
    });
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      if (text.endsWith('\n')) resolve(text);
      else reject(new VeloError('JOB_ENDED', { message: 'the job ended before it answered' }));
    });
    socket.on('connect', () => socket.end(line));
  });
}

async function requireFolder(dir: string): Promise<void> {
  try {
    if ((await stat(dir)).isDirectory()) return;
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw unreachable(dir, error);
  }
  throw new VeloError('JOB_NOT_FOUND', {
    message: `there is no folder "${dir}"`,
    hint: 'name the folder that was given as --checkpoint-dir; velo job list shows those of running jobs',
  });
}

/** Why nobody took the connection. */
async function failureOf(dir: string, error: unknown): Promise<VeloError> {
  const code = systemCode(error);
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return new VeloError('JOB_ENDED', { message: 'the job ended before it answered' });
  }
  if (code !== 'ENOENT' && code !== 'ECONNREFUSED') return unreachable(dir, error);
  const holder = await holderOf(dir).catch(() => null);
  if (holder !== null && holder.presence !== 'gone') {
    const { pid, host } = holder.place;
    const isElsewhere = holder.presence === 'elsewhere';
    return new VeloError('JOB_UNREACHABLE', {
      message: `the job in "${dir}", process ${pid} on "${host}", has no socket that can be reached from here`,
      hint: isElsewhere ? 'ask it on its machine' : 'it starts or ends this moment: ask again',
    });
  }
  return new VeloError('JOB_NOT_FOUND', {
    message: `no job runs with the folder "${dir}"`,
    hint: 'velo job list shows the jobs that run; velo checkpoints list what this one left',
  });
}

function unreachable(dir: string, error: unknown): VeloError {
  const isForeign = ['EACCES', 'EPERM'].includes(systemCode(error) ?? '');
  return new VeloError('JOB_UNREACHABLE', {
    message: isForeign
      ? `the job in "${dir}" is somebody else's`
      : `the job in "${dir}" cannot be asked: ${systemReason(error)}`,
    hint: isForeign ? 'ask as the user who started it' : undefined,
    cause: error,
  });
}

function answerOf(text: string, dir: string): ControlAnswer {
  try {
    return answerSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new VeloError('JOB_UNREACHABLE', {
      message: `what the job in "${dir}" answers cannot be read`,
      hint: 'ask it with the velo that runs it',
      cause: error,
    });
  }
}
