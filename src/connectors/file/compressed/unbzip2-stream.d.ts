/**
 * The part of unbzip2-stream that is used: its decoder of single blocks. Its stream is not, which
 * gathers a block, 46 MB of a bomb's, as numbers in an array.
 */
declare module 'unbzip2-stream/lib/bzip2.js' {
  interface BlockDecoder {
    /** Takes the header of a stream; its block size in units of 100,000 bytes. Throws Bzip2Error. */
    header(bits: BitReader): number;
    /**
     * Decodes a block, or takes the end of the stream, which gives null; else the checksum of the
     * stream so far. `block` has `blockBytes` cells. Throws Bzip2Error.
     */
    decompress(
      bits: BitReader,
      put: (byte: number) => void,
      block: Int32Array,
      blockBytes: number,
      checksum: number,
    ): number | null;
  }
  /** The next bits as a number, 32 of them at most; null: goes on to the next whole byte. */
  type BitReader = (count: number | null) => number;

  const decoder: BlockDecoder;
  export default decoder;
  export type { BitReader, BlockDecoder };
}
