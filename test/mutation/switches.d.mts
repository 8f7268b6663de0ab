import type { Site } from './sites.mjs';

export function switched(
  text: string,
  mutants: readonly (Site & { readonly id: number })[],
  module: string,
): string;
