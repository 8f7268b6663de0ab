/**
 * What ^C, SIGTERM and SIGHUP do to a command that runs a job: the first stops it cleanly, the
 * second ends the process as if nobody listened to it. Owns the signals and the exit codes that they
 * mean; stopping is the job's. Before there is a job nothing listens, so that the system ends the
 * process at once, whatever it is busy with.
 */
import { removeStagedFiles } from '../../connectors/file/staging.js';
import type { JobProcessor } from '../../processors/job-processor.js';
import type { Terminal } from './terminal.js';

type Stoppable = Pick<JobProcessor, 'stop' | 'opened'>;

/** A job that is still opening when it is stopped (a broker that does not answer) may take so long. */
const OPENING_GRACE_MS = 1000;

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type Signal = keyof typeof EXIT_CODES;

export class Interrupt {
  exitCode: number | null = null;
  private readonly terminal: Terminal;
  private processor: Stoppable | null = null;
  private openingTimer: NodeJS.Timeout | undefined;
  private readonly onSignal = (signal: Signal): void => this.interrupted(signal);

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  watch(processor: Stoppable): void {
    this.processor = processor;
    for (const signal of signals()) process.on(signal, this.onSignal);
  }

  unwatch(): void {
    clearTimeout(this.openingTimer);
    for (const signal of signals()) process.off(signal, this.onSignal);
  }

  private interrupted(signal: Signal): void {
    const { processor } = this;
    if (this.exitCode !== null) {
      this.end(signal);
      return;
    }
    this.exitCode = EXIT_CODES[signal];
    this.terminal.note('stopping; once more stops at once');
    this.openingTimer = setTimeout(() => {
      if (processor?.opened !== false) return;
      this.terminal.note('stopped while its sources and sinks were being opened');
      this.end(signal);
    }, OPENING_GRACE_MS);
    void processor?.stop();
  }

  /** Lets the system end the process: exit() waits for threads that wait for the world. */
  private end(signal: Signal): void {
    this.unwatch();
    removeStagedFiles();
    process.kill(process.pid, signal);
  }
}

/** Work that ends when its signal is aborted. */
export function stoppable(stopping: AbortController): Stoppable {
  return {
    opened: true,
    stop: () => {
      stopping.abort();
      return Promise.resolve();
    },
  };
}

function signals(): Signal[] {
  return Object.keys(EXIT_CODES) as Signal[];
}
