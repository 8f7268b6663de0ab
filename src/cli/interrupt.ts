/**
 * What ^C and SIGTERM do to a command that runs a job: the first stops it cleanly, the second ends
 * the process. Owns the signals and the exit code that they mean; stopping is the job's.
 */
import type { JobProcessor } from '../processors/job-processor.js';
import type { Terminal } from './terminal.js';

type Stoppable = Pick<JobProcessor, 'stop'>;

/** ^C once: a clean stop with a summary; twice: out at once. */
export class Interrupt {
  exitCode: number | null = null;
  private readonly terminal: Terminal;
  private processor: Stoppable | null = null;
  private readonly onInterrupt = (): void => this.interrupted(130);
  private readonly onTerminate = (): void => this.interrupted(143);

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  watch(processor: Stoppable): void {
    this.processor = processor;
    process.on('SIGINT', this.onInterrupt);
    process.on('SIGTERM', this.onTerminate);
  }

  unwatch(): void {
    process.off('SIGINT', this.onInterrupt);
    process.off('SIGTERM', this.onTerminate);
  }

  private interrupted(exitCode: number): void {
    if (this.exitCode !== null) process.exit(exitCode);
    this.exitCode = exitCode;
    this.terminal.note('stopping; once more stops at once');
    void this.processor?.stop();
  }
}
