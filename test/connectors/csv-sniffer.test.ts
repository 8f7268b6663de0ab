/** How CSV files are found to be written: what is chosen, what is said of it, and what is left alone. */
import { describe, expect, test } from 'vitest';
import { typeText } from '../../src/columnar/types.js';
import { fileAddress, fileOptions } from '../../src/connectors/file/file-options.js';
import { inferFileSchema } from '../../src/connectors/file/infer-file.js';
import { PLAIN_CSV } from '../../src/formats/text/csv-dialect.js';
import type { CsvDialect } from '../../src/formats/text/csv-dialect.js';
import { fileTable, writeInput } from './file-support.js';

async function found(content: string, query = '', name = 's.csv') {
  const address = `${writeInput(name, content)}${query}`;
  const table = fileTable(fileAddress(address).options, []);
  const { columns, dialect, remarks } = await inferFileSchema(fileOptions(table), { sniff: true });
  const usual: Partial<CsvDialect> = PLAIN_CSV;
  return {
    columns: columns.map((column) => `${column.name} ${typeText(column.type)}`).join(', '),
    /** What is not as in plain CSV. */
    dialect: Object.fromEntries(
      Object.entries(dialect ?? {}).filter(
        ([key, value]) => JSON.stringify(value) !== JSON.stringify(usual[key as keyof CsvDialect]),
      ),
    ),
    sure: remarks.filter(({ isUnsure }) => !isUnsure).map(({ text }) => text),
    unsure: remarks.filter(({ isUnsure }) => isUnsure).map(({ text }) => text),
  };
}

const quiet = { sure: [], unsure: [] };

describe('delimiters', () => {
  test.each([
    [';', 'a;b\n1;2\n', '";" between fields'],
    ['\t', 'a\tb\n1\t2\n', 'tabs between fields'],
    ['|', 'a|b\n1|2\n', '"|" between fields'],
  ])('%j where every record has as many fields with it', async (delimiter, content, sure) => {
    expect(await found(content)).toEqual({
      columns: 'a BIGINT, b BIGINT',
      dialect: { delimiter },
      sure: [sure],
      unsure: [],
    });
  });

  test('commas in texts do not count where another delimiter fits every record', async () => {
    const content = 'Price, EUR;Amount\n1;2, or 3\n4;5\n';
    expect((await found(content)).columns).toBe('Price, EUR BIGINT, Amount VARCHAR');
  });

  test('the usual one stays where it fits as well, and a line says so', async () => {
    const { columns, unsure } = await found('a,b;x\nfoo,bar;baz\n');
    expect(columns).toBe('a VARCHAR, b;x VARCHAR');
    expect(unsure).toEqual(['"," between fields, though ";" would fit as well']);
  });

  test('another one that gives more fields, and values in more of them', async () => {
    const { columns, unsure } = await found('1\t2,5\tx\n2\t3,5\ty\n');
    expect(columns).toBe('column0 BIGINT, column1 DOUBLE, column2 VARCHAR');
    expect(unsure[0]).toBe('tabs between fields, though "," would fit as well');
  });

  test('a comma stays where most records have as many fields: the others are at fault', async () => {
    const content = 'a,b\n1,2\n3\n4,5\n6;7,8\n';
    expect(await found(content)).toEqual({
      columns: 'a VARCHAR, b BIGINT',
      dialect: {},
      ...quiet,
    });
  });

  test('one column stays one column', async () => {
    expect(await found('text\nhello; world\nmore\n')).toEqual({
      columns: 'text VARCHAR',
      dialect: {},
      ...quiet,
    });
  });

  test('a .tsv file has tabs unless it has none', async () => {
    expect((await found('a\tb\n1\t2\n', '', 's.tsv')).columns).toBe('a BIGINT, b BIGINT');
    expect((await found('a,b\n1,2\n', '', 's.tsv')).columns).toBe('a BIGINT, b BIGINT');
  });

  test('in quotes they are text', async () => {
    const content = '"a;1","b;2"\n"x;y","z;w"\n';
    expect((await found(content)).columns).toBe('a;1 VARCHAR, b;2 VARCHAR');
  });
});

describe('quotes', () => {
  test("' where no field is quoted otherwise", async () => {
    const { dialect, sure } = await found("a,b\n'x','y, z'\n");
    expect([dialect, sure]).toEqual([{ quote: "'" }, ["fields quoted with '"]]);
  });

  test('an apostrophe is no quote', async () => {
    const content = "a,b\n'tis,it's\nrock 'n' roll,'n'\n";
    expect((await found(content)).dialect).toEqual({});
  });

  test('\\ in front of a quote where doubled ones do not fit', async () => {
    const { dialect, sure } = await found('a,b\n"x \\"y\\", z",1\n');
    expect([dialect, sure]).toEqual([{ escape: '\\' }, ['quotes escaped with \\']]);
    expect((await found('a,b\n"C:\\dir\\",1\n')).dialect).toEqual({});
  });
});

describe('lines that are no records', () => {
  test('words in front of a header', async () => {
    const { columns, dialect, unsure } = await found('Sales report\n\nid,name,x\n1,a,2\n');
    expect([columns, dialect]).toEqual(['id BIGINT, name VARCHAR, x BIGINT', { skipLines: 2 }]);
    expect(unsure).toEqual(['lines 1 to 2 are left out']);
  });

  test('a header that lacks a name is no preamble', async () => {
    expect((await found('id,name\n1,a,2\n2,b,3\n')).dialect).toEqual({});
    expect((await found('id\nx,y\nz,w\n')).dialect).toEqual({});
  });

  test('# in front of the header and between records', async () => {
    const top = await found('# made by us\nid,name\n1,a\n');
    expect([top.dialect, top.sure]).toEqual([{ skipLines: 1 }, ['line 1 is left out']]);
    const inside = await found('id,name\n1,a\n# more, or, less\n2,b\n');
    expect(inside.dialect).toEqual({ comment: '#' });
    expect(inside.unsure).toEqual(['lines that begin with # are left out as comments']);
  });

  test('a record may begin with #', async () => {
    expect((await found('#id,name\n1,a\n')).columns).toBe('#id BIGINT, name VARCHAR');
    expect((await found('tag,n\n#x,1\n#y,2\n')).columns).toBe('tag VARCHAR, n BIGINT');
  });
});

describe('header', () => {
  test.each([
    ['texts over numbers', 'a,b\n1,x\n', 'a BIGINT, b VARCHAR'],
    ['texts over texts', 'x,y\nz,w\n', 'x VARCHAR, y VARCHAR'],
    ['one record with a text', 'name,2019\n', 'name VARCHAR, 2019 VARCHAR'],
    ['no record at all', 'a,b\n', 'a VARCHAR, b VARCHAR'],
    ['a year among names', 'name,2019\nx,y\nz,w\n', 'name VARCHAR, 2019 VARCHAR'],
    ['a number over an empty column', 'name,2019\nx,\n', 'name VARCHAR, 2019 VARCHAR'],
  ])('%s', async (_, content, columns) => {
    expect(await found(content)).toEqual({ columns, dialect: {}, ...quiet });
  });

  test.each([
    ['numbers over numbers', '1,x\n2,y\n', 'column0 BIGINT, column1 VARCHAR'],
    ['whole over broken numbers', '1,x\n2.5,y\n', 'column0 DOUBLE, column1 VARCHAR'],
    ['one record of numbers', '1,2\n', 'column0 BIGINT, column1 BIGINT'],
    ['truth values', 'x,true\ny,false\n', 'column0 VARCHAR, column1 BOOLEAN'],
  ])('none: %s', async (_, content, columns) => {
    const said = await found(content);
    expect([said.columns, said.dialect]).toEqual([columns, { header: false }]);
    expect(said.unsure).toEqual(['no header line: its fields are called column0, column1 …']);
  });
});

describe('values', () => {
  test('words for NULL in columns that hold no text', async () => {
    const { columns, dialect, unsure } = await found('a,b,c\n1,NA,true\nNULL,x,NA\n2.5,y,n/a\n');
    expect(columns).toBe('a DOUBLE, b VARCHAR, c BOOLEAN');
    expect(dialect).toEqual({ missing: ['NULL', 'NA', 'n/a'] });
    expect(unsure).toEqual(['NULL, NA, n/a are NULL in columns that hold no text']);
    expect((await found('a\nNA\nNULL\n')).dialect).toEqual({});
  });

  test('\\N', async () => {
    const { columns, dialect, sure } = await found('a,b\n\\N,x\n1,\\N\n');
    expect([columns, dialect]).toEqual(['a BIGINT, b VARCHAR', { nullLiteral: '\\N' }]);
    expect(sure).toEqual(['\\N is NULL']);
    expect((await found('a,b\n"\\N",x\n')).dialect).toEqual({});
  });

  test('decimal commas', async () => {
    expect((await found('a;b\n1,5;x\n2;y\n')).columns).toBe('a DOUBLE, b VARCHAR');
    expect((await found('a;b\n1,5;2.5\n')).columns).toBe('a VARCHAR, b DOUBLE');
    const thousands = await found('a;b\n1,234;x\n5,678;y\n');
    expect(thousands.columns).toBe('a VARCHAR, b VARCHAR');
    expect(thousands.unsure).toHaveLength(1);
    expect((await found('a,b\n"1,5",x\n')).columns).toBe('a VARCHAR, b VARCHAR');
  });
});

describe('what a user says', () => {
  test('wins over what would be found', async () => {
    const content = 'a;b\n1;2\n';
    expect((await found(content, '?delimiter=,')).columns).toBe('a;b VARCHAR');
    expect((await found('1,2\n3,4\n', '?header=true')).columns).toBe('1 BIGINT, 2 BIGINT');
    expect((await found(content, '?detect=false')).columns).toBe('a;b VARCHAR');
    expect((await found('a,b\nNA,1\n2,3\n', '?missing=')).columns).toBe('a VARCHAR, b BIGINT');
    expect((await found('x y\na,b\n1,2\n', '?skip=0')).columns).toBe('x y VARCHAR');
    expect((await found('a,b\n"x",1\n', '?quote=')).columns).toBe('a VARCHAR, b BIGINT');
  });

  test('says for the rest what is found', async () => {
    const { columns, dialect } = await found('1;2,5\n3;4\n', '?header=false');
    expect(columns).toBe('column0 BIGINT, column1 DOUBLE');
    expect(dialect).toEqual({ delimiter: ';', header: false, decimal: ',' });
  });
});
