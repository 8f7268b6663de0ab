/**
 * zstd as a stream where node:zlib has none, before Node 22.15: fzstd, in this thread. Owns only the
 * stream around it. What a frame's checksum says it does not look at.
 */
import { Transform } from 'node:stream';
import type { TransformCallback } from 'node:stream';
import type { Decompress } from 'fzstd';

/** fzstd's UnexpectedEOF. */
const ENDS_EARLY = 5;

export class ZstdUnpacker extends Transform {
  /** Packed bytes that are unpacked, as streams of node:zlib count. */
  bytesWritten = 0;
  private unpacker: Decompress | null = null;

  override _construct(done: (error?: Error | null) => void): void {
    import('fzstd').then(
      ({ Decompress }) => {
        this.unpacker = new Decompress((piece) => this.push(piece));
        done();
      },
      (error: unknown) => done(error as Error),
    );
  }

  override _transform(packed: Uint8Array, _: BufferEncoding, done: TransformCallback): void {
    this.guarded(done, () => {
      // It keeps what it has not unpacked yet; slice() of a Buffer is no copy.
      this.unpacker?.push(Uint8Array.from(packed));
      this.bytesWritten += packed.length;
    });
  }

  override _flush(done: TransformCallback): void {
    this.guarded(done, () => {
      this.unpacker?.push(new Uint8Array(0), true);
    });
  }

  /** Its errors have numbers; one that says that the data end too early has zlib's code for it. */
  private guarded(done: TransformCallback, work: () => void): void {
    try {
      work();
    } catch (error) {
      const { code, message } = error as Error & { readonly code?: number };
      done(Object.assign(new Error(message), { code: code === ENDS_EARLY ? 'Z_BUF_ERROR' : '' }));
      return;
    }
    done();
  }
}
