-- Scenario 0: a filter and a projection, one row out per record.
-- Expectations hold for 5,000 records; the bench derives those of other counts (src/bench/expectation.ts).
CREATE TABLE orders (
  order_id BIGINT AS i,
  customer_id BIGINT AS i % 1000,
  order_date STRING AS '2024-01-15',
  total_amount DOUBLE AS 150.0 + (i % 100)
) WITH ('connector' = 'generator', 'rows' = '${VELO_RECORDS:-5000}', 'splits' = '${VELO_SPLITS:-1}');

-- @name: pure SELECT
-- @expect.rows: 5000
-- @expect.sum.order_id: 12497500
-- @expect.sum.customer_id: 2497500
-- @expect.sum.total_amount: 997500
SELECT order_id, customer_id, order_date, total_amount
FROM orders
WHERE total_amount > 100;
