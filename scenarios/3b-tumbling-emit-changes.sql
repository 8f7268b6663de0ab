-- Scenario 3b: the windows of 3a, a snapshot of the window's groups out per record.
CREATE TABLE market_data (
  trader_id STRING AS 'TRADER' || i % 20,
  symbol STRING AS 'SYM' || CASE '${VELO_GROUPS:-20}' WHEN '200' THEN CAST(FLOOR(i / 20) AS BIGINT) % 10 ELSE i % 10 END,
  price DOUBLE AS 100.0 + (i % 50),
  quantity BIGINT AS 100 + (i % 1000),
  trade_time BIGINT AS CAST('${VELO_TIME_BASE:-1700000000}' AS BIGINT) + i * CAST('${VELO_TIME_STEP:-1}' AS BIGINT)
) WITH ('connector' = 'generator', 'rows' = '${VELO_RECORDS:-5000}', 'splits' = '${VELO_SPLITS:-1}');

-- @name: TUMBLING, EMIT CHANGES
-- @expect.rows: 99810
-- @expect.sum.trade_count: 12502500
-- @expect.sum.total_quantity: 7078582500
-- @expect.sum.total_value: 883262937500
-- @expect.sum.avg_price: 12399745.4265
SELECT
  trader_id,
  symbol,
  COUNT(*) AS trade_count,
  AVG(price) AS avg_price,
  SUM(quantity) AS total_quantity,
  SUM(price * quantity) AS total_value
FROM market_data
GROUP BY trader_id, symbol
WINDOW TUMBLING(trade_time, INTERVAL '1' MINUTE)
EMIT CHANGES;
