/**
 * Tables of results that update, and the progress below them, drawn over themselves on a terminal:
 * at most five times a second, and never higher than the screen. Owns when they are drawn and how
 * tables share the height; a table's lines are its sink's.
 */
import { cutToWidth } from '../../base/display-width.js';
import type { LiveScreen } from '../../connectors/connector.js';
import type { Terminal } from './terminal.js';

const REDRAW_MS = 200;

type View = Parameters<LiveScreen['show']>[0];

/** Calls `work` every so many milliseconds until the result is called. */
export type Every = (ms: number, work: () => void) => () => void;

const byTimer: Every = (ms, work) => {
  const timer = setInterval(work, ms);
  timer.unref();
  return () => clearInterval(timer);
};

export class LiveTables implements LiveScreen {
  private readonly terminal: Pick<Terminal, 'draw' | 'eraseDrawing' | 'size'>;
  private readonly views = new Set<View>();
  private headline: () => string = () => '';
  private cancel: (() => void) | null = null;

  constructor(terminal: Pick<Terminal, 'draw' | 'eraseDrawing' | 'size'>) {
    this.terminal = terminal;
  }

  show(view: View): () => void {
    this.views.add(view);
    return () => this.views.delete(view);
  }

  /** Begins to draw; `headline` stands below the tables. */
  start(headline: () => string, every: Every = byTimer): void {
    this.headline = headline;
    this.cancel = every(REDRAW_MS, () => this.draw());
  }

  /** What stays is printed by the sinks. */
  stop(): void {
    this.cancel?.();
    this.cancel = null;
    this.terminal.eraseDrawing();
  }

  private draw(): void {
    const { rows } = this.terminal.size;
    // A line that ends in the last column would lose its last character to the clearing behind it.
    const columns = this.terminal.size.columns - 1;
    // The headline, and the line that the cursor stands on.
    const room = Math.floor((rows - 2) / Math.max(1, this.views.size));
    const lines = [...this.views].flatMap((view) => view({ columns, rows: room }).slice(0, room));
    this.terminal.draw([...lines, cutToWidth(this.headline(), columns)].join('\n'));
  }
}
