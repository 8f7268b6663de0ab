/**
 * Random rows with NULLs and edge values, as JSON lines for velo and as VALUES for DuckDB. Also
 * the seeded numbers all random choices come from: a seed gives the same data and queries.
 */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** A number in [0, limit). */
  below(limit: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

export type ColumnKind =
  'bigint' | 'double' | 'decimal' | 'text' | 'boolean' | 'timestamp' | 'date';

export interface RandomColumn {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly veloType: string;
  readonly duckType: string;
  readonly values: readonly string[];
  readonly isNeverNull?: boolean;
}

/** Values are JSON texts; of TIMESTAMP, milliseconds. */
export const COLUMNS: readonly RandomColumn[] = [
  {
    name: 'a',
    kind: 'bigint',
    veloType: 'BIGINT',
    duckType: 'BIGINT',
    values: [
      '9007199254740993',
      '9007199254740992',
      '-9007199254740993',
      '4611686018427387903',
      '-4611686018427387904',
      '0',
      '1',
      '-1',
      '42',
    ],
  },
  {
    name: 'b',
    kind: 'bigint',
    veloType: 'BIGINT',
    duckType: 'BIGINT',
    values: ['-7', '-1', '0', '1', '2', '3', '10', '2147483648'],
  },
  {
    name: 'x',
    kind: 'double',
    veloType: 'DOUBLE',
    duckType: 'DOUBLE',
    values: ['0', '-0.0', '0.1', '0.25', '-3.75', '1e10', '2', '-2', '5e-5'],
  },
  {
    name: 'd',
    kind: 'decimal',
    veloType: 'DECIMAL(12, 2)',
    duckType: 'DECIMAL(12, 2)',
    values: ['0.00', '0.10', '-0.10', '1.25', '19.99', '-5.55', '9999999999.99', '3'],
  },
  {
    name: 's',
    kind: 'text',
    veloType: 'STRING',
    duckType: 'VARCHAR',
    values: ['""', '"a"', '"ab"', '"Ab"', '"é"', '"😀x"', '"～"', '"a%b_c"', '"12"', '" a "'],
  },
  {
    name: 'k',
    kind: 'text',
    veloType: 'STRING',
    duckType: 'VARCHAR',
    values: ['"p"', '"q"', '"r"', '""'],
  },
  {
    name: 'f',
    kind: 'boolean',
    veloType: 'BOOLEAN',
    duckType: 'BOOLEAN',
    values: ['true', 'false'],
  },
  {
    name: 'ts',
    kind: 'timestamp',
    veloType: 'TIMESTAMP(3)',
    duckType: 'TIMESTAMP',
    values: ['0', '-1', '999', '1000', '1001', '59999', '60000', '-61000', '123456'],
    isNeverNull: true,
  },
];

export interface RandomRow {
  readonly json: string;
  /** One of INSERT … VALUES. */
  readonly duck: string;
}

/** `id` counts from 0; every other column that may be is NULL in one of six rows. */
export function randomTable(
  random: Random,
  rowCount: number,
  columns: readonly RandomColumn[] = COLUMNS,
): RandomRow[] {
  return Array.from({ length: rowCount }, (_, id) => {
    const json = [`"id":${id}`];
    const duck = [`${id}`];
    for (const column of columns) {
      const isNull = column.isNeverNull !== true && random.below(6) === 0;
      const value = random.pick(column.values);
      if (!isNull) json.push(`"${column.name}":${value}`);
      else if (random.chance(50)) json.push(`"${column.name}":null`);
      duck.push(isNull ? 'NULL' : duckValue(column, value));
    }
    return { json: `{${json.join(',')}}\n`, duck: `(${duck.join(', ')})` };
  });
}

function duckValue(column: RandomColumn, value: string): string {
  switch (column.kind) {
    case 'timestamp':
      return `make_timestamp(${value}::BIGINT * 1000)`;
    case 'text':
    case 'date':
      return `'${JSON.parse(value) as string}'`;
    case 'bigint':
    case 'double':
    case 'decimal':
    case 'boolean':
      return `${value}::${column.duckType}`;
  }
}
