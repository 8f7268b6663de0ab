/**
 * What is said of a container file whose bytes do not hold together. Owns the wording alone.
 */
import { ConnectorError } from '../../base/errors.js';

/** `where`: "byte 4096", "row group 3 of column \"id\"". */
export function damaged(path: string, where: string, why: string, cause?: unknown): ConnectorError {
  return new ConnectorError('FILE_DAMAGED', {
    message: `data file "${path}" is damaged at ${where}: ${why}`,
    hint: 'write the file again; what comes before was read',
    ...(cause === undefined ? {} : { cause }),
  });
}

/** A file that is whole, but holds what velo does not read. */
export function unsupported(path: string, why: string, hint: string): ConnectorError {
  return new ConnectorError('FILE_READ', {
    message: `data file "${path}" cannot be read: ${why}`,
    hint,
  });
}
