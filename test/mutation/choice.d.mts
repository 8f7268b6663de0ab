export function spread<P extends { readonly file: string; start: number; end: number }>(
  places: readonly P[],
  count: number,
  random: () => number,
): P[];
