/**
 * The recipes of docs/recipes that need a broker, and the lines that README opens with, write what
 * they say: recipes on V1, and on V2 over topics of their own. The pages say localhost:9092, the broker is on a port of its own.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describePage } from '../support/page-commands.js';
import { startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { javaSuiteRuns } from '../support/java.mjs';

const RECIPES = fileURLToPath(new URL('../../docs/recipes/', import.meta.url));
const ADDRESS = 'localhost:9092';
const ENGINES = [
  { engine: 'V1', env: {} },
  { engine: 'V2', env: { VELO_NUM_PARTITIONS: '2', VELO_WORKERS: '2' } },
];

describe.runIf(javaSuiteRuns('recipes on a broker'))('recipes on a broker', () => {
  let broker: KafkaBroker;

  beforeAll(async () => {
    // One partition, as a broker has by default: the order of the pages is that of the records.
    broker = await startKafkaBroker({ properties: { 'num.partitions': 1 } });
  }, 240_000);

  afterAll(async () => {
    await broker.stop();
  });

  const pages = readdirSync(RECIPES).filter((name) =>
    readFileSync(`${RECIPES}${name}`, 'utf8').includes(ADDRESS),
  );

  it('are some', () => {
    expect(pages.length).toBeGreaterThanOrEqual(4);
  });

  describePage('README.md', {
    page: 'README.md',
    section: 'In one line',
    commandsMin: 4,
    talk: 'stdout',
    replaced: (text) => text.replaceAll(ADDRESS, broker.brokers),
  });

  for (const { engine, env } of ENGINES) {
    for (const name of pages) {
      describePage(`${name} on ${engine}`, {
        page: `docs/recipes/${name}`,
        commandsMin: 1,
        talk: 'stdout',
        env,
        isUnordered: engine === 'V2',
        replaced: (text) =>
          text
            .replaceAll(`${ADDRESS}/`, `${ADDRESS}/${engine}.`)
            .replaceAll(`'topic' = '`, `'topic' = '${engine}.`)
            .replaceAll(ADDRESS, broker.brokers),
      });
    }
  }
});
