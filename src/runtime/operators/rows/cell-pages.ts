/**
 * Values of V8 by row number, in pages that are made when they are first written to: one array would
 * be copied in one piece when it grows, and end a process whose heap is half full before anybody can
 * say so. @hot
 */
const PAGE_BITS = 10;
const PAGE_CELLS = 1 << PAGE_BITS;
const CELL_MASK = PAGE_CELLS - 1;

export class CellPages<T> {
  private readonly empty: T;
  private readonly pages: (T[] | undefined)[] = [];
  private pageCount = 0;

  /** `empty`: what stands in cells that nobody has written. */
  constructor(empty: T) {
    this.empty = empty;
  }

  /** Cells that there is room for, in whole pages. */
  get length(): number {
    return this.pageCount * PAGE_CELLS;
  }

  get(at: number): T {
    const page = this.pages[at >>> PAGE_BITS];
    return page === undefined ? this.empty : page[at & CELL_MASK]!;
  }

  set(at: number, value: T): void {
    let page = this.pages[at >>> PAGE_BITS];
    if (page === undefined) {
      if (value === this.empty) return;
      page = new Array<T>(PAGE_CELLS).fill(this.empty);
      this.pages[at >>> PAGE_BITS] = page;
      this.pageCount += 1;
    }
    page[at & CELL_MASK] = value;
  }
}
