/**
 * Dead letters as JSON lines into any line writer (a file, a topic). Owns their encoding; opening
 * the writer is connectors/registry's business.
 */
import type { LineWriter } from '../connectors/connector.js';
import type { DeadLetter, DeadLetterWriter } from './query-accounts.js';

const encoder = new TextEncoder();

export class JsonDeadLetters implements DeadLetterWriter {
  count = 0;
  private readonly lines: LineWriter;

  constructor(lines: LineWriter) {
    this.lines = lines;
  }

  write(letter: DeadLetter): void {
    this.count += 1;
    this.lines.write(encoder.encode(JSON.stringify(letter)));
  }

  close(): Promise<void> {
    return this.lines.close();
  }
}
