/** The examples of docs/made-up-data.md give what stands below them, on V1 and on V2. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { velo } from '../support/velo-process.js';

const PAGE = fileURLToPath(new URL('../../docs/made-up-data.md', import.meta.url));
const EXAMPLES = [
  ...readFileSync(PAGE, 'utf8').matchAll(/```sql\n([\s\S]*?)```\s*```json\n([\s\S]*?)```/g),
].map(([, sql = '', rows = '']) => [sql, rows] as const);

describe('docs/made-up-data.md', () => {
  it('has an example of each connector', () => {
    for (const name of ['generator', 'datagen', 'faker']) {
      expect(EXAMPLES.some(([sql]) => sql.includes(`'connector' = '${name}'`))).toBe(true);
    }
  });

  it.each(EXAMPLES)(
    '%s',
    async (sql, rows) => {
      for (const arch of [[], ['--partitions', '2']]) {
        const { stdout, stderr } = await velo(['run', '-q', ...arch, '-e', sql]);
        expect({ stdout, stderr }).toEqual({ stdout: rows, stderr: '' });
      }
    },
    60_000,
  );
});
