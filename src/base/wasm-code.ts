/**
 * Puts functions of WebAssembly 1.0 together, for the few loops over bytes where JavaScript's
 * checks of bounds cost more than the work. Owns opcodes, sections and how a module with one
 * function and its own memory is loaded; the functions are their users' (crc32c.ts, lz4-block.ts).
 *
 * Code is the bytes of an instruction and of what it takes from the stack, in that order. Numbers
 * are i32; addresses are a base on the stack and an offset in the instruction. Reading or writing
 * outside the memory traps: callers check what comes from outside.
 */

export type WasmCode = readonly number[];

/** What is used of the global that Node has, and its types do not name. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => {
    readonly exports: {
      readonly memory: WasmMemory;
      readonly run: (...numbers: number[]) => number;
    };
  };
};

/** It never grows: that detaches its buffer, and slows down all typed arrays of the thread. */
interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

export interface WasmFunction {
  readonly memory: WasmMemory;
  /** Takes as many i32 as it has parameters, and returns one. */
  readonly run: (...numbers: number[]) => number;
}

export const WASM_PAGE_BYTES = 65_536;

const I32 = 0x7f;
const NO_RESULT = 0x40;
const OP = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  return: 0x0f,
  get: 0x20,
  set: 0x21,
  const: 0x41,
  eqz: 0x45,
} as const;

export const get = (local: number): WasmCode => [OP.get, local];
export const set = (local: number, value: WasmCode): WasmCode => [...value, OP.set, local];
export const i32 = (value: number): WasmCode => [OP.const, ...signed(value)];

type Binary = (left: WasmCode, right: WasmCode) => WasmCode;
const binary =
  (opcode: number): Binary =>
  (left, right) => [...left, ...right, opcode];

export const equal = binary(0x46);
/** Comparisons are of unsigned numbers. */
export const less = binary(0x49);
export const greater = binary(0x4b);
export const notGreater = binary(0x4d);
export const notLess = binary(0x4f);
export const add = binary(0x6a);
export const sub = binary(0x6b);
export const and = binary(0x71);
export const or = binary(0x72);
export const xor = binary(0x73);
export const shl = binary(0x74);
export const shr = binary(0x76);

/** Little-endian numbers at an address, which need not be aligned. */
export const load32 = (address: WasmCode, offset = 0): WasmCode => [
  ...[...address, 0x28, 0],
  ...unsigned(offset),
];
export const load8 = (address: WasmCode): WasmCode => [...address, 0x2d, 0, 0];
export const load16 = (address: WasmCode): WasmCode => [...address, 0x2f, 0, 0];

export const copy1 = (to: WasmCode, from: WasmCode): WasmCode => [
  ...[...to, ...load8(from)],
  ...[0x3a, 0, 0],
];
export const copy8 = (to: WasmCode, from: WasmCode): WasmCode => [
  ...[...to, ...from],
  ...[0x29, 0, 0, 0x37, 0, 0],
];
/** With the vectors of WebAssembly 2.0. */
export const copy16 = (to: WasmCode, from: WasmCode): WasmCode => [
  ...[...to, ...from],
  ...[0xfd, 0x00, 0, 0, 0xfd, 0x0b, 0, 0],
];

export function repeatWhile(condition: WasmCode, ...body: readonly WasmCode[]): WasmCode {
  return [
    ...[OP.block, NO_RESULT, OP.loop, NO_RESULT],
    ...[...condition, OP.eqz, OP.brIf, 1],
    ...body.flat(),
    ...[OP.br, 0, OP.end, OP.end],
  ];
}

/** The body first, and again while the condition holds. */
export function repeatUntilNot(condition: WasmCode, ...body: readonly WasmCode[]): WasmCode {
  return [OP.loop, NO_RESULT, ...body.flat(), ...condition, OP.brIf, 0, OP.end];
}

export function when(condition: WasmCode, ...body: readonly WasmCode[]): WasmCode {
  return [...condition, OP.if, NO_RESULT, ...body.flat(), OP.end];
}

export function choose(condition: WasmCode, then: WasmCode, otherwise: WasmCode): WasmCode {
  return [...condition, OP.if, NO_RESULT, ...then, OP.else, ...otherwise, OP.end];
}

export const leave = (value: WasmCode): WasmCode => [...value, OP.return];

/** Loads a function whose code leaves one number, and its memory. */
export function wasmFunction({
  parameters,
  locals,
  pages,
  code,
}: {
  readonly parameters: number;
  /** Beside the parameters; they begin as 0. */
  readonly locals: number;
  readonly pages: number;
  readonly code: WasmCode;
}): WasmFunction {
  const body = [...vector([[...unsigned(locals), I32]]), ...code, OP.end];
  const numbers = Array.from({ length: parameters }, () => [I32]);
  const bytes = new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector([[0x60, ...vector(numbers), ...vector([[I32]])]])),
    ...section(3, vector([[0]])),
    ...section(5, vector([[0, ...unsigned(pages)]])),
    ...section(
      7,
      vector([
        [...name('memory'), 2, 0],
        [...name('run'), 0, 0],
      ]),
    ),
    ...section(10, vector([[...unsigned(body.length), ...body]])),
  ]);
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function name(text: string): number[] {
  return vector([...Buffer.from(text)].map((byte) => [byte]));
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  const ends = value >= -64 && value < 64;
  return ends ? [value & 127] : [(value & 127) | 128, ...signed(value >> 7)];
}
