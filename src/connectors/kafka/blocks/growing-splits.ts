/**
 * Lists that follow another: the splits of a topic that gets partitions while it is read pass
 * through several layers, each of which wraps them once. Owns the appending and the words for it; who
 * finds new partitions is fetch-reader.ts, rdkafka-reader.ts and group-blocks.ts.
 */

/** Makes one of each that `from` has got since the last call; returns `to`. */
export function follow<From, To>(
  from: readonly From[],
  to: To[],
  make: (one: From) => To,
): readonly To[] {
  // Nearly always there is nothing: it is asked for at every turn.
  for (let at = to.length; at < from.length; at += 1) to.push(make(from[at] as From));
  return to;
}

/** What is said of partitions that were added: `read` from now on, or not by this job. */
export function addedLine(topic: string, partitions: readonly number[], read: boolean): string {
  const what = read
    ? 'they are read from their beginning'
    : 'they are read when the job is started again';
  return `topic "${topic}" has new partitions (${partitions.join(', ')}): ${what}`;
}
