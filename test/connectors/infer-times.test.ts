/** Times among the values of quoted files: which columns are, and what is left as it is. */
import { describe, expect, test } from 'vitest';
import { typeText } from '../../src/columnar/types.js';
import { fileAddress, fileOptions } from '../../src/connectors/file/file-options.js';
import { inferFileSchema } from '../../src/connectors/file/infer-file.js';
import { fileTable, writeInput } from './file-support.js';

async function inferred(name: string, content: string, query = '?times=true') {
  const { options } = fileAddress(`${writeInput(name, content)}${query}`);
  const { columns, remarks } = await inferFileSchema(fileOptions(fileTable(options, [])), {
    sniff: true,
  });
  return {
    types: columns.map((column) => `${column.name} ${typeText(column.type)}`).join(', '),
    said: remarks.map(({ text }) => text),
  };
}

/** The type of a column `ts` of these texts, in both formats. */
async function typeOf(texts: readonly string[], name = 'ts'): Promise<string> {
  const [json, csv] = [
    await inferred('t.jsonl', texts.map((text) => `{"${name}":${text}}\n`).join('')),
    await inferred('t.csv', `${name},x\n${texts.map((text) => `${text},a\n`).join('')}`),
  ];
  const type = json.types.replace(`${name} `, '');
  expect(csv.types).toBe(`${name} ${type}, x VARCHAR`);
  expect(csv.said).toEqual(json.said);
  return type;
}

describe('texts', () => {
  test.each([
    ['2024-03-01T10:00:00Z', '2024-03-01 10:00:00.5', '2024-03-01T10:00+02:00'],
    ['2024-03-01', '2024-03-01 10:00'],
    ['2024-03-01 10:00:00.123000'],
  ])('%s … are TIMESTAMP', async (...texts) => {
    expect(await typeOf(texts.map((text) => `"${text}"`))).toBe('TIMESTAMP(3)');
  });

  test('days are DATE', async () => {
    expect(await typeOf(['"2024-03-01"', '"2024-02-29"'])).toBe('DATE');
  });

  test.each([
    ['a digit below a millisecond', '2024-03-01 10:00:00.1234'],
    ['a day that is none', '2023-02-29'],
    ['days of one digit', '2024-3-1'],
    ['other forms', '01/03/2024'],
    ['a year', '2024'],
    ['other texts', 'soon'],
  ])('%s: all are texts', async (_, text) => {
    expect(await typeOf(['"2024-03-01"', `"${text}"`])).toBe('VARCHAR');
  });

  test('numbers among them: all are texts', async () => {
    expect(await typeOf(['"2024-03-01"', '5'])).toBe('VARCHAR');
    const { types } = await inferred('m.jsonl', '{"ts":"2024-03-01"}\n{"ts":[1]}\n');
    expect(types).toBe('ts VARCHAR');
  });
});

describe('numbers', () => {
  test.each(['ts', 'event_time', 'createdAt', 'updated_at', 'TIMESTAMP'])(
    'milliseconds in a column called %s',
    async (name) => {
      expect(await typeOf(['1709287200000', '1709287260123'], name)).toBe('TIMESTAMP(3)');
    },
  );

  test.each(['id', 'rats', 'format', 'lifetime_value'])('none called %s', async (name) => {
    expect(await typeOf(['1709287200000'], name)).toBe('BIGINT');
  });

  test.each([
    ['seconds', '1709287200'],
    ['microseconds', '1709287200000000'],
    ['nanoseconds', '1709287200000000000'],
  ])('%s stay, and are said', async (unit, text) => {
    const { types, said } = await inferred('u.jsonl', `{"ts":${text}}\n`);
    expect(types).toBe('ts BIGINT');
    expect(said).toEqual([
      `"ts" is BIGINT and looks like ${unit} since 1970: a TIMESTAMP counts milliseconds`,
    ]);
    expect(await typeOf([text])).toBe('BIGINT');
  });

  test('units that are mixed, or no time, are numbers', async () => {
    expect(await typeOf(['1709287200', '1709287200000'])).toBe('BIGINT');
    expect(await typeOf(['5'])).toBe('BIGINT');
  });
});

test('nobody gets times who does not ask for them', async () => {
  const content = '{"ts":"2024-03-01T10:00:00Z","at":1709287200000,"time":1709287200}\n';
  const expected = { types: 'ts VARCHAR, at BIGINT, time BIGINT', said: [] };
  expect(await inferred('n.jsonl', content, '')).toEqual(expected);
  expect(await inferred('n.jsonl', content, '?times=false')).toEqual(expected);
});
