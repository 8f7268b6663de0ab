/**
 * What a run of tests tells the one who started it, as JSON lines on stdout: a file begins, a test
 * has ended, a file has ended.
 */
const PREFIX = '@mutation ';

export function tell(event) {
  process.stdout.write(`${PREFIX}${JSON.stringify(event)}\n`);
}

export default class EventsReporter {
  constructor(failed) {
    this.failed = failed;
  }

  onTestModuleStart(module) {
    tell({ kind: 'file', file: module.relativeModuleId });
  }

  onTestCaseResult(test) {
    const { state, errors = [] } = test.result();
    if (state === 'skipped') return;
    const message = (errors[0]?.message ?? '').slice(0, 300);
    const ms = test.diagnostic()?.duration ?? 0;
    tell({ kind: 'test', file: test.module.relativeModuleId, name: test.name, state, ms, message });
    if (state === 'failed') this.failed();
  }

  onTestModuleEnd(module) {
    const errors = module.errors().map(({ message }) => message.slice(0, 300));
    const { duration: ms } = module.diagnostic();
    tell({ kind: 'end', file: module.relativeModuleId, state: module.state(), ms, errors });
    if (errors.length > 0) this.failed();
  }
}

/** The event of a line of stdout, or null. */
export function eventOf(line) {
  return line.startsWith(PREFIX) ? JSON.parse(line.slice(PREFIX.length)) : null;
}
