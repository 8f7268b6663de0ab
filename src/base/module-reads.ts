/**
 * Loading the modules of this program with few open files. Node's loader reads all modules that an
 * import leads to at the same time, some 300 here, and dies where `ulimit -n` is lower. Owns the
 * limit on those reads, which go through fs.promises; a loader that reads otherwise is left as it
 * is. Imports nothing of the program: it is loaded before everything else.
 */
import fs from 'node:fs';

/** Twice what the threads that read files can do at once. */
const READS_MAX = 8;

/** From here on this thread reads no more files than that at the same time. */
export function limitModuleReads(): void {
  const { promises } = fs;
  const unlimited = promises.readFile;
  const waiting: (() => void)[] = [];
  let reading = 0;
  const limited = async (...args: Parameters<typeof unlimited>): Promise<unknown> => {
    if (reading >= READS_MAX) await new Promise<void>((resolve) => waiting.push(resolve));
    else reading += 1;
    try {
      return await unlimited(...args);
    } finally {
      const next = waiting.shift();
      if (next === undefined) reading -= 1;
      else next();
    }
  };
  // One function stands for the overloads of another.
  promises.readFile = limited as typeof unlimited;
}
