/**
 * Why a page of a Parquet file cannot be read: its bytes do not hold together. Owns the class alone;
 * which file, row group and column it was says parquet-container.ts.
 */
export class PageFault extends Error {
  override readonly name = 'PageFault';
}
