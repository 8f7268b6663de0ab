/**
 * docs/commands.md and man/velo.1 are made of the commands (`npx vitest run test/docs -u` writes
 * them), every command has an example and says what it does, and groff takes the page as it is.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { commandsMarkdown, manPage, manualCommands } from './manual-pages.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as {
  readonly version: string;
};
const commands = await manualCommands();

describe('the commands', () => {
  it.each(commands.map((command) => [['velo', ...command.path].join(' '), command] as const))(
    '%s says what it does, what each flag does, and shows an example',
    (name, { about, flags, args, examples }) => {
      expect(about.length).toBeGreaterThan(10);
      for (const each of [...flags, ...args]) expect(each.about, JSON.stringify(each)).not.toBe('');
      expect(examples.filter((line) => /\bvelo\b/.test(line)).length).toBeGreaterThan(0);
      if (name !== 'velo') expect(examples.join('\n')).toContain(name);
    },
  );

  it('show no flag in an example that they have not', () => {
    for (const { path, flags, examples, commands: below } of commands) {
      const known = new Set(flags.flatMap(({ long, short }) => [long, short ?? long]));
      const own = examples.filter(
        (line) => !below.some(({ path: child }) => line.startsWith(`velo ${child.join(' ')} `)),
      );
      if (path.length === 0) continue;
      const named = own.flatMap(
        (line) => line.replace(/"[^"]*"|'[^']*'/g, '').match(/ --?[a-z][a-z-]*/g) ?? [],
      );
      expect(named.map((flag) => flag.trim()).filter((flag) => !known.has(flag))).toEqual([]);
    }
  });
});

describe('the manual', () => {
  it('is docs/commands.md', async () => {
    await expect(commandsMarkdown(commands)).toMatchFileSnapshot('../../docs/commands.md');
  });

  it('is man/velo.1', async () => {
    await expect(manPage(commands, version)).toMatchFileSnapshot('../../man/velo.1');
  });

  it('is plain ASCII, whose lines begin with a macro or with text', () => {
    for (const line of manPage(commands, version).split('\n')) {
      expect(line).toMatch(/^[\x20-\x7e]*$/);
      if (line.startsWith('.'))
        expect(line).toMatch(/^\.(?:\\"|TH|SH|SS|TP|PP|B|BR|I|br|EX|EE)(?: |$)/);
    }
  });

  // Both say nothing where they are not installed, and anything they say is a fault of the page.
  it.each([
    ['groff', ['-man', '-Tascii', '-ww', '-z', 'man/velo.1']],
    ['mandoc', ['-T', 'lint', '-W', 'warning', 'man/velo.1']],
  ])('is taken by %s without a warning, where it is installed', (tool, args) => {
    const { stdout, stderr, error } = spawnSync(tool, args, { cwd: ROOT, encoding: 'utf8' });
    if (error !== undefined) expect((error as NodeJS.ErrnoException).code).toBe('ENOENT');
    // It has no date, because nothing dates it but its version.
    else expect((stdout + stderr).replace(/.*WARNING: missing date.*\n/, '')).toBe('');
  });
});
