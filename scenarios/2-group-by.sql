-- Scenario 2: an updating GROUP BY, the changed group's row out per record.
CREATE TABLE market_data (
  trader_id STRING AS 'TRADER' || i % 20,
  symbol STRING AS 'SYM' || CASE '${VELO_GROUPS:-20}' WHEN '200' THEN CAST(FLOOR(i / 20) AS BIGINT) % 10 ELSE i % 10 END,
  price DOUBLE AS 100.0 + (i % 50),
  quantity BIGINT AS 100 + (i % 1000),
  trade_time BIGINT AS CAST('${VELO_TIME_BASE:-1700000000}' AS BIGINT) + i * CAST('${VELO_TIME_STEP:-1}' AS BIGINT)
) WITH ('connector' = 'generator', 'rows' = '${VELO_RECORDS:-5000}', 'splits' = '${VELO_SPLITS:-1}');

-- @name: GROUP BY
-- @expect.rows: 5000
-- @expect.sum.trade_count: 627500
-- @expect.sum.total_quantity: 355361250
-- @expect.sum.total_value: 44343177500
-- @expect.sum.avg_price: 621178.271327
SELECT
  trader_id,
  symbol,
  COUNT(*) AS trade_count,
  AVG(price) AS avg_price,
  SUM(quantity) AS total_quantity,
  SUM(price * quantity) AS total_value
FROM market_data
GROUP BY trader_id, symbol;
