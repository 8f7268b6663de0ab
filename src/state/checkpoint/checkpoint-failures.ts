/**
 * How checkpoints say what is wrong with them: files that do not hold together, that cannot be
 * written or read, or that a newer velo wrote. Owns the wording and which failures of the system
 * are damage (a file that is not there, a sector that cannot be read) and which are circumstances
 * (no permission, too many open files), behind which the checkpoint may be whole.
 */
import { StateError } from '../../base/errors.js';
import { systemCode, systemReason } from '../../base/system-reason.js';
import { packageManifest } from '../../base/package-manifest.js';

/** `path` as the user finds it; `what` is wrong: "is shorter …", "has another sum …". */
export function damaged(path: string, what: string, cause?: unknown): StateError {
  return new StateError('CHECKPOINT_DAMAGED', {
    message: `checkpoint file "${path}" ${what}`,
    hint: 'restore another epoch: velo checkpoints verify shows which are whole',
    cause,
  });
}

/** A file of fewer bytes than it has state, whatever its header says. */
export function tooShort(path: string, size: number, stateBytes: number): StateError {
  return damaged(
    path,
    `is shorter than it was written: ${size} bytes, with ${stateBytes} of state`,
  );
}

/** Codes of files that are not what they were: whoever may read them reads nothing else. */
const DAMAGE: Readonly<Record<string, string>> = {
  ENOENT: 'is missing',
  ENOTDIR: 'is missing',
  EISDIR: 'is a folder',
  ELOOP: 'is a link to itself',
  ENXIO: 'is no file',
  EIO: 'cannot be read: the disk fails',
};

export function readFailure(path: string, error: unknown): StateError {
  if (error instanceof StateError) return error;
  const damage = DAMAGE[systemCode(error) ?? ''];
  if (damage !== undefined) return damaged(path, damage, error);
  return new StateError('CHECKPOINT_READ', {
    message: `checkpoint file "${path}" cannot be read: ${systemReason(error)}`,
    hint: 'check its permissions; a job must be able to read the checkpoints that it goes on from',
    cause: error,
  });
}

export function folderFailure(folder: string, error: unknown): StateError {
  if (error instanceof StateError) return error;
  const isMissing = systemCode(error) === 'ENOENT';
  return new StateError('CHECKPOINT_READ', {
    message: isMissing
      ? `checkpoint folder "${folder}" does not exist`
      : `checkpoint folder "${folder}" cannot be read: ${systemReason(error)}`,
    hint: isMissing
      ? 'check the path; relative paths start at the working directory'
      : 'check that it is a folder, and its permissions',
    cause: error,
  });
}

const WRITE_HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'free space on its disk, or keep fewer checkpoints: checkpoint.keep',
  EDQUOT: 'free space within the quota of its user',
  EROFS: 'choose a folder on a disk that can be written: --checkpoint-dir',
  EMFILE: 'raise the number of files that the process may open: ulimit -n',
  ENOENT: 'the folder was removed under the job: leave it to the job while it runs',
};

export function writeFailure(path: string, error: unknown): StateError {
  if (error instanceof StateError) return error;
  return new StateError('CHECKPOINT_WRITE', {
    message: `checkpoint file "${path}" cannot be written: ${systemReason(error)}`,
    hint:
      WRITE_HINTS[systemCode(error) ?? ''] ??
      'check the permissions of the folder and the free space of its disk',
    cause: error,
  });
}

/** `form` of the file at `path`, and the velo that wrote it where the file says so. */
export interface NewerForm {
  readonly path: string;
  readonly form: number;
  readonly known: number;
  readonly writer?: string;
}

/** A form that is not known yet: its files may be whole, so nothing older takes their place. */
export function newerForm({ path, form, known, writer }: NewerForm): StateError {
  const by = writer === undefined ? 'by a newer velo' : `by velo ${writer}`;
  return new StateError('CHECKPOINT_VERSION', {
    message: `checkpoint file "${path}" was written ${by} in form ${form}`,
    detail: `this is velo ${packageManifest().version}, which reads form ${known}`,
    hint: 'run the newer velo, or restore an older checkpoint: --restore EPOCH',
  });
}
