-- Scenario 1: moving average, minimum and maximum over the last 100 rows of each symbol.
CREATE TABLE market_data (
  symbol STRING AS 'SYM' || i % 10,
  price DOUBLE AS 100.0 + (i % 50) + SIN(i / 100.0) * 10.0,
  timestamp BIGINT AS 1700000000000 + i * 1000
) WITH ('connector' = 'generator', 'rows' = '${VELO_RECORDS:-5000}', 'splits' = '${VELO_SPLITS:-1}');

-- @name: ROWS WINDOW
-- @expect.rows: 5000
-- @expect.sum.moving_avg: 624361.182537
-- @expect.sum.min_price: 476864.049809
-- @expect.sum.max_price: 770505.261747
SELECT
  symbol,
  price,
  AVG(price) OVER (ROWS WINDOW BUFFER 100 ROWS PARTITION BY symbol ORDER BY timestamp) AS moving_avg,
  MIN(price) OVER (ROWS WINDOW BUFFER 100 ROWS PARTITION BY symbol ORDER BY timestamp) AS min_price,
  MAX(price) OVER (ROWS WINDOW BUFFER 100 ROWS PARTITION BY symbol ORDER BY timestamp) AS max_price
FROM market_data;
