/**
 * Waiting for the first of many promises, again and again, where most of them stay as they are: a
 * silent split's ready() is the same promise at every wait. Promise.race would leave a reaction on
 * it each time, for as long as it is silent; here each promise has one. What is waited for is the
 * loops' business (simple.ts, worker-loop.ts).
 */
export class ReadyWait {
  private readonly watched = new WeakSet<Promise<void>>();
  private resolve: () => void = () => undefined;
  private reject: (error: unknown) => void = () => undefined;

  /** Settles as the first of these does, or of an earlier wait's; or at wake(). */
  any(promises: readonly Promise<void>[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
      for (const promise of promises) this.watch(promise);
    });
  }

  wake(): void {
    this.resolve();
  }

  private watch(promise: Promise<void>): void {
    if (this.watched.has(promise)) return;
    this.watched.add(promise);
    promise.then(
      () => {
        this.watched.delete(promise);
        this.resolve();
      },
      (error: unknown) => {
        // Nobody may be waiting now: whoever waits for it again is told.
        this.watched.delete(promise);
        this.reject(error);
      },
    );
  }
}
