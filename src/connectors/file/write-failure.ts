/** How the connector says that a file cannot be written, whatever was tried. */
import { ConnectorError } from '../../base/errors.js';
import { reasonOf } from './file-bytes.js';

const HINT = 'check that its folder exists, its permissions and the free space of its disk';
const HINTS: Readonly<Record<string, string>> = {
  EMFILE: 'raise the number of files that the process may open: ulimit -n',
};

export function writeFailure(path: string, error: unknown, hint?: string): ConnectorError {
  if (error instanceof ConnectorError) return error;
  const { code } = error as NodeJS.ErrnoException;
  return new ConnectorError('SINK_WRITE', {
    message: `file "${path}" cannot be written: ${reasonOf(error)}`,
    hint: hint ?? HINTS[code ?? ''] ?? HINT,
    cause: error,
  });
}
