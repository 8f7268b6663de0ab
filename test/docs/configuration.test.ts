/**
 * docs/configuration.md lists every setting with its flag, variable, annotation or SET key and
 * default, as the command line has them, and its velo.yaml is one.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { variableOf } from '../../src/cli/configuration/configuration-layers.js';
import { SETTING_KEYS } from '../../src/cli/configuration/configuration-schema.js';
import { yamlLayer } from '../../src/cli/configuration/configuration-yaml.js';
import { FLAG_SETTINGS } from '../../src/cli/configuration/engine-flags.js';
import { ENGINE_SETTINGS, settingName } from '../../src/plan/query-settings.js';
import { velo } from '../support/velo-process.js';

const NAME = 'docs/configuration.md';
const TEXT = readFileSync(new URL(`../../${NAME}`, import.meta.url), 'utf8');

/** The rows of the tables, by setting: what stands in each column, without backticks. */
function documentedSettings(): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const settings = new Map<string, ReadonlyMap<string, string>>();
  let columns: readonly string[] = [];
  for (const line of TEXT.split('\n').filter((text) => text.startsWith('|'))) {
    const cells = line.split('|').map((cell) => cell.trim().replaceAll('`', ''));
    const key = cells[1] ?? '';
    if (key === 'YAML key') columns = cells;
    else if (!key.startsWith('-'))
      settings.set(key, new Map(columns.map((c, i) => [c, cells[i] ?? ''])));
  }
  return settings;
}

const documented = documentedSettings();

interface Shown {
  readonly value: unknown;
  readonly origin: string;
}

/** What `velo config` says where nothing is set. */
async function shownDefaults(): Promise<ReadonlyMap<string, Shown>> {
  const folder = mkdtempSync(join(tmpdir(), 'velo-configuration-'));
  try {
    const args = ['config', '--arch', 'v2', '--format', 'json'];
    const { stdout } = await velo(args, { cwd: folder });
    const { settings } = JSON.parse(stdout) as { settings: Record<string, Shown> };
    return new Map(Object.entries(settings));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe(NAME, () => {
  it('lists every setting, and no other', () => {
    expect([...documented.keys()]).toEqual(SETTING_KEYS);
  });

  it.each(SETTING_KEYS)('says how %s is given', (key) => {
    const row = documented.get(key);
    const flag = Object.values(FLAG_SETTINGS).find((known) => known.key === key)?.flag;
    expect(row?.get('environment')).toBe(variableOf(key));
    expect(row?.get('flag') ?? '').toBe(flag ?? '');
    const inFile = row?.get('annotation and SET') ?? '';
    expect(inFile.split(',')[0]).toBe(Object.hasOwn(ENGINE_SETTINGS, key) ? key : '');
    const setKey = row?.get('SET');
    if (setKey !== undefined) expect(settingName(setKey).replace(/[.-]/g, '_')).toBe(key);
  });

  it('has the defaults that velo config shows', { timeout: 30_000 }, async () => {
    const shown = await shownDefaults();
    for (const key of SETTING_KEYS.filter((name) => name !== 'processor_architecture')) {
      const { value, origin } = shown.get(key) ?? { value: undefined, origin: '' };
      expect(origin, key).toMatch(/^default/);
      const given = origin.includes('(auto') ? 'auto' : String(value ?? 'none');
      expect(documented.get(key)?.get('default'), key).toBe(given);
    }
  });

  it('shows a velo.yaml that is one', () => {
    const text = /```yaml\n([\s\S]*?)```/.exec(TEXT)?.[1] ?? '';
    expect(yamlLayer({ name: NAME, text }).size).toBeGreaterThan(5);
  });
});
