/**
 * Work that is given up at the end of a job because the world does not answer, and whose threads and
 * handles would keep the process alive for as long. Owns the count of it: the command ends the process
 * itself where there is any (cli/main.ts).
 */
let count = 0;

/** Nobody waits for `work` any longer; it is forgotten once it is over. */
export function leaveBehind(work: Promise<unknown>): void {
  count += 1;
  const over = (): void => {
    count -= 1;
  };
  work.then(over, over);
}

export function isAnythingLeftBehind(): boolean {
  return count > 0;
}
