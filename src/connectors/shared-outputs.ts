/**
 * What several queries of one job write to together. Owns only that the second query to name a
 * place gets what the first one has opened; which places are the same is the connector's.
 */
export class SharedOutputs {
  private readonly opened = new Map<string, Promise<unknown>>();

  /** The one of that key, of one type for each kind of key; `open` is called for the first query. */
  get<T>(key: string, open: () => Promise<T>): Promise<T> {
    const known = this.opened.get(key) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const opening = open();
    this.opened.set(key, opening);
    return opening;
  }
}
