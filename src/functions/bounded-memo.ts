/**
 * The last results of compiling a pattern or path. A literal pattern is compiled once; one that
 * comes from a column cannot grow the memo without bound: it is emptied when full.
 */
const ENTRIES_MAX = 256;

export class BoundedMemo<V> {
  private readonly known = new Map<string, V>();

  /** The value of `key`, made by `make` unless it is known. What `make` throws is not kept. */
  get(key: string, make: (key: string) => V): V {
    const found = this.known.get(key);
    if (found !== undefined) return found;
    const made = make(key);
    if (this.known.size >= ENTRIES_MAX) this.known.clear();
    this.known.set(key, made);
    return made;
  }
}
