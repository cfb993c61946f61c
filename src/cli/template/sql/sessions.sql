-- GoogleSQL, the dialect of BigQuery; on this machine DuckDB runs it. One row for each product that a session showed.
WITH
  shown AS (
    SELECT session, item, MOD(session * 7919 + item * 104729 + session * item * 31, 1009) AS noise
    FROM UNNEST(GENERATE_ARRAY(1, @sessions)) AS session
    CROSS JOIN UNNEST(GENERATE_ARRAY(1, 10)) AS item
    -- Eight of ten sessions train, one validates, one tests.
    WHERE CASE MOD(session, 10) WHEN 8 THEN 'validation' WHEN 9 THEN 'test' ELSE 'train' END = @split
  ),
  features AS (
    SELECT
      session, item, MOD(session, 7) AS weekday,
      5 + MOD(noise * 37, 95) AS price,
      1 + MOD(noise * 53, 40) / 10 AS rating,
      CASE MOD(item, 3) WHEN 0 THEN 'books' WHEN 1 THEN 'toys' ELSE 'shoes' END AS category,
      MOD(noise * 71, 100) / 100 AS mood
    FROM shown
  )
SELECT
  CAST(session AS STRING) AS session, CAST(item AS STRING) AS item, weekday, price, rating, category,
  -- The shopper takes what is well rated, cheap, and a toy; and is not quite predictable.
  IF(ROW_NUMBER() OVER (
    PARTITION BY session ORDER BY rating - price / 25 + IF(category = 'toys', 1, 0) + mood DESC, item
  ) = 1, 1, 0) AS label
FROM features
