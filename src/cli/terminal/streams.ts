/**
 * stdout and stderr of the process when they fail. Owns their error events: talk that cannot be
 * written is lost and nothing else; a reader of stdout who has enough ends nothing; any other
 * failure of stdout is kept until the command is over, and is its error then. Rows have a sink that
 * notices by itself (connectors/stdout), which ends the job at once.
 */
import type { ConnectorError } from '../../base/errors.js';
import { streamFailure } from '../../connectors/stream-gate.js';

export class StandardStreams {
  private failure: Error | null = null;

  /** From the start of the process, before anything is written. */
  watch(): void {
    process.stderr.on('error', () => undefined);
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') this.failure ??= error;
    });
  }

  /** When everything that was written to stdout has left; what it failed with, or null. */
  async stdoutFailure(): Promise<ConnectorError | null> {
    await new Promise<void>((resolve) => {
      if (process.stdout.destroyed) resolve();
      else process.stdout.write('', () => resolve());
    });
    // The event of a failure comes a turn behind its write.
    await new Promise((resolve) => setImmediate(resolve));
    return this.failure === null ? null : streamFailure(this.failure);
  }
}
