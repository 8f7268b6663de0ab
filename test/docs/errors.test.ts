/**
 * docs/errors.md is generated from the one table of error codes: this test writes it when it is
 * updated (`npx vitest run test/docs -u`) and fails when it has drifted.
 */
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/base/error-codes.js';

const DOMAINS = {
  user: 'What the SQL, a flag or the configuration gets wrong. Exit 2.',
  data: 'What a record gets wrong. Follows `--on-error`; exit 1 when it ends the job.',
  external: 'A source or sink that fails. Exit 1.',
  internal: 'State, workers and benchmarks. Exit 1; 3 for output that does not verify.',
} as const;

function errorsMarkdown(): string {
  const sections = Object.entries(DOMAINS).map(([domain, about]) => {
    const rows = Object.entries(ERROR_CODES)
      .filter(([, entry]) => entry.domain === domain)
      .map(
        ([key, entry]) =>
          `| \`VELO_${key}\` | ${entry.retry} | ${entry.about.replaceAll('|', '\\|')} |`,
      );
    return `## ${domain}\n\n${about}\n\n| code | retry | meaning |\n|--|--|--|\n${rows.join('\n')}\n`;
  });
  return `# Error codes\n\nGenerated from \`src/base/error-codes.ts\`. Codes are permanent.\n\n${sections.join('\n')}`;
}

describe('docs/errors.md', () => {
  it('lists every code of the table', async () => {
    await expect(errorsMarkdown()).toMatchFileSnapshot('../../docs/errors.md');
  });
});
