/**
 * What `velo bench` shows while it measures: a line per trial, and the partitions of a V2 trial once
 * it has sent some. Owns which of the two is on the terminal; the trial sends one snapshot a second,
 * and a table that is drawn oftener would only take time from it.
 */
import type { JobMetricsForExport } from '../../metrics/prometheus.js';
import { drawPartitions } from './partition-table.js';
import type { Terminal } from './terminal.js';

export class BenchProgress {
  private readonly terminal: Terminal;
  private headline = '';

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  /** Another trial, or something else that takes a while. */
  began(line: string): void {
    this.headline = line;
    this.terminal.eraseDrawing();
    if (this.terminal.live) this.terminal.progress(line);
    else this.terminal.detail(line);
  }

  /** The partitions of the trial that runs. */
  observed({ queries }: JobMetricsForExport): void {
    drawPartitions(this.terminal, { headline: this.headline, queries });
  }

  stop(): void {
    this.terminal.stopProgress();
    this.terminal.eraseDrawing();
  }
}
