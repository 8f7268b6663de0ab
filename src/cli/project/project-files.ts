/**
 * The project that `velo init` writes: a query on a small data file, a case for it, and a workflow
 * that checks, tests and measures it. Owns the texts; test/cli/init.test.ts runs all of them, the
 * commands of the workflow too.
 */
import { packageManifest } from '../../base/package-manifest.js';

export interface ProjectFile {
  /** Below the folder of the project, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** In the order in which they are listed. */
export function projectFiles(): readonly ProjectFile[] {
  return [
    { path: 'query.sql', text: QUERY },
    { path: 'trades.jsonl', text: TRADES },
    { path: 'cases/late.case', text: CASE },
    { path: 'many-trades.sql', text: MANY_TRADES },
    { path: '.github/workflows/velo.yml', text: workflow(packageManifest().version) },
    { path: '.gitignore', text: IGNORED },
    { path: 'README.md', text: README },
  ];
}

const QUERY = `-- Turnover of each symbol in each minute, once the minute is over.
CREATE TABLE trades (
  symbol STRING,
  price DECIMAL(10, 2),
  quantity BIGINT,
  ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'file', 'path' = '\${TRADES:-trades.jsonl}', 'format' = 'json');

SELECT
  symbol,
  window_start,
  COUNT(*) AS trades,
  SUM(price * quantity) AS turnover
FROM trades
GROUP BY symbol
WINDOW TUMBLING(ts, INTERVAL '1' MINUTE)
EMIT FINAL;
`;

const TRADES = `{"symbol":"ABC","price":10.50,"quantity":100,"ts":"2024-03-01 10:00:01"}
{"symbol":"XYZ","price":99.90,"quantity":20,"ts":"2024-03-01 10:00:02"}
{"symbol":"ABC","price":10.55,"quantity":50,"ts":"2024-03-01 10:00:40"}
{"symbol":"XYZ","price":99.80,"quantity":10,"ts":"2024-03-01 10:00:59"}
{"symbol":"ABC","price":10.60,"quantity":70,"ts":"2024-03-01 10:01:03"}
{"symbol":"XYZ","price":100.10,"quantity":5,"ts":"2024-03-01 10:01:20"}
{"symbol":"ABC","price":10.45,"quantity":30,"ts":"2024-03-01 10:02:07"}
`;

const CASE = `=== about
A trade that comes more than 5 s behind the others is too late for its minute
=== sql ../query.sql
=== table trades
{"symbol":"ABC","price":10.00,"quantity":1,"ts":"2024-03-01 10:00:01"}
{"symbol":"ABC","price":20.00,"quantity":2,"ts":"2024-03-01 10:01:02"}
{"symbol":"ABC","price":30.00,"quantity":3,"ts":"2024-03-01 10:00:58"}
{"symbol":"ABC","price":40.00,"quantity":4,"ts":"2024-03-01 10:01:30"}
{"symbol":"ABC","price":50.00,"quantity":5,"ts":"2024-03-01 10:00:59"}
=== rows
{"symbol":"ABC","window_start":1709287200000,"trades":2,"turnover":100.00}
{"symbol":"ABC","window_start":1709287260000,"trades":2,"turnover":200.00}
`;

const MANY_TRADES = `-- Trades to measure query.sql with: see the workflow.
CREATE TABLE trades (
  symbol STRING AS 'S' || MOD(i, 50),
  price DECIMAL(10, 2) AS CAST(10 + MOD(i, 90) AS DECIMAL(10, 2)),
  quantity BIGINT AS 1 + MOD(i, 100),
  ts TIMESTAMP(3) AS TO_TIMESTAMP_LTZ(1709287200000 + i * 10, 3)
) WITH ('connector' = 'generator', 'rows' = '200000');
`;

/** What is measured is the query as it is before and after the change, in turn, on one machine. */
function workflow(version: string): string {
  return `name: velo
on:
  push:
    branches: [main]
  pull_request:
permissions:
  contents: read
jobs:
  query:
    runs-on: ubuntu-latest
    timeout-minutes: 15
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
      - uses: actions/setup-node@v4
        with:
          node-version: 22
      - name: install velo
        run: npm install --global velo@${version}
      - name: check
        run: velo check query.sql
      - name: test
        run: velo test cases
      # Exit 3, and a red job, when the query is slower than before.
      - name: performance gate
        if: github.event_name == 'pull_request'
        env:
          BASE: \${{ github.event.pull_request.base.sha }}
        run: |
          git show "$BASE:query.sql" > base.sql
          velo datagen many-trades.sql --to many-trades.jsonl
          TRADES="$PWD/many-trades.jsonl" velo bench compare base.sql query.sql --rounds 10
`;
}

const IGNORED = `base.sql
many-trades.jsonl
`;

const README = `# Turnover per symbol and minute

| command | does |
| --- | --- |
| \`velo query.sql\` | runs the query on trades.jsonl |
| \`velo query.sql --watch\` | again whenever the query or its data change |
| \`velo check query.sql\` | names every fault of the SQL |
| \`velo test cases\` | compares rows with those that the cases expect, on V1 and V2 |

Every pull request runs the cases and is refused when query.sql becomes slower: .github/workflows/velo.yml.
`;
