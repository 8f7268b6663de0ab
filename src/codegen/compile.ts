/**
 * The one place that turns text into code. Owns `new Function` and the unique sourceURL that
 * every kernel needs: functions compiled from the same source text share type feedback on this
 * V8, and the third one ran four times slower. Generators build the text with base/js-code.
 */
let compiled = 0;

type KernelFactory = (...values: readonly unknown[]) => unknown;

/**
 * Factories by their text: the same query compiled again in this process (a benchmark behind its
 * warm-up) starts with optimised code. Kernels of one text see one set of shapes, because the text
 * names the column kinds; constants come as arguments.
 */
const factories = new Map<string, KernelFactory>();
const FACTORIES_MAX = 512;

/** Who wants the texts of kernels as they are compiled (`velo explain --stage kernels`). */
let recorder: ((source: string) => void) | null = null;

/**
 * Runs `body` once with `args` bound to `parameters`, the hoisted constants, and gives what it
 * returns, a function as a rule:
 * `compileFunction('add', ['base'], 'return function add(row) { return row + base; };', [1])`.
 * The caller knows the returned function's type and narrows it at this boundary.
 */
export function compileFunction(
  name: string,
  parameters: readonly string[],
  body: string,
  args: readonly unknown[],
): unknown {
  const key = `${parameters.join()}\n${body}`;
  const known = recorder === null ? factories.get(key) : undefined;
  const factory = known ?? newFactory(name, parameters, body, key);
  return factory(...args);
}

function newFactory(
  name: string,
  parameters: readonly string[],
  body: string,
  key: string,
): KernelFactory {
  compiled += 1;
  const readable = name.replace(/[^A-Za-z0-9_-]/g, '-');
  const source = `'use strict';\n${body}\n//# sourceURL=velo-${readable}-${compiled}.js`;
  recorder?.(source);
  const factory = new Function(...parameters, source) as KernelFactory;
  if (factories.size >= FACTORIES_MAX) factories.clear();
  factories.set(key, factory);
  return factory;
}

/** The sources of all kernels that `work` compiles, in order. */
export function recordKernels(work: () => void): readonly string[] {
  const sources: string[] = [];
  recorder = (source) => sources.push(source);
  try {
    work();
  } finally {
    recorder = null;
  }
  return sources;
}
