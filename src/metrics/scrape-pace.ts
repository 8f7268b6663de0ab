/**
 * How often a job answers those who scrape it: some at once, then one after a pause, so that a
 * flood of requests takes a bounded share of the thread that runs the job. Owns who waits and who is
 * turned away, and for how long a text is given again; the requests are prometheus.ts.
 */

/** Answered at once: a Prometheus, a second one, a person and a dashboard never wait. */
const AT_ONCE = 8;
const PAUSE_MS = 10;
/** Who comes behind so many that wait is told to come later. */
const WAITING_MAX = 64;
/** While more are asked for than given, a text is good for so many pauses: a tenth of a second. */
const REUSED_PAUSES = 10;

export class ScrapePace {
  private left = AT_ONCE;
  private readonly waiting: (() => void)[] = [];
  private timer: NodeJS.Timeout | null = null;
  private text: string | null = null;
  private making: Promise<string> | null = null;
  private pausesSince = 0;

  /** Resolves when it is this request's turn: false where too many wait already. */
  turn(): Promise<boolean> {
    if (this.left > 0 && this.waiting.length === 0) {
      this.left -= 1;
      this.tick();
      return Promise.resolve(true);
    }
    if (this.waiting.length >= WAITING_MAX) return Promise.resolve(false);
    this.tick();
    return new Promise((resolve) => this.waiting.push(() => resolve(true)));
  }

  /**
   * What `make` gives, or what it gave just now while there is a flood. Who asks while a text is being
   * made gets that one: two made at a time would each show some of both moments.
   */
  textOf(make: () => Promise<string>): Promise<string> {
    if (this.making !== null) return this.making;
    const isFlood = this.left < AT_ONCE / 2;
    const known = this.text;
    if (known !== null && isFlood && this.pausesSince < REUSED_PAUSES) {
      return Promise.resolve(known);
    }
    this.pausesSince = 0;
    const making = make().then((text) => (this.text = text));
    this.making = making.finally(() => (this.making = null));
    return this.making;
  }

  /** Gives the next turn after each pause, until as many are left as at first. */
  private tick(): void {
    if (this.timer !== null) return;
    this.timer = setInterval(() => {
      this.pausesSince += 1;
      const next = this.waiting.shift();
      if (next !== undefined) next();
      else this.left += 1;
      if (this.left >= AT_ONCE) this.close();
    }, PAUSE_MS);
    // A scrape that waits does not keep a finished job alive.
    this.timer.unref();
  }

  close(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }
}
