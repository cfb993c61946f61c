-- One row a session: a basket in which at least one product of the front page was bought. Its candidates are all products of that page
-- (for training, the bought ones and a share of the others); every feature is known before the session's week.
WITH
  sessions AS (
    SELECT DISTINCT t.basket_id, t.household_id, t.store_id, t.week
    FROM {transactions} AS t
    JOIN {candidates} AS c ON c.store_id = t.store_id AND c.week = t.week AND c.product_id = t.product_id
    WHERE t.week BETWEEN @first_week AND @last_week AND MOD(t.household_id * 7919, 1000) < @share_of_households * 1000
  ),
  bought AS (SELECT DISTINCT basket_id, product_id FROM {transactions} WHERE week BETWEEN @first_week AND @last_week),
  -- What the household bought in the weeks before.
  household_history AS (
    SELECT s.household_id, s.week, t.product_id, p.product_category, p.department, p.manufacturer_id, t.basket_id, s.week - t.week AS weeks_ago
    FROM (SELECT DISTINCT household_id, week FROM sessions) AS s
    JOIN {transactions} AS t ON t.household_id = s.household_id AND t.week BETWEEN s.week - @history_weeks AND s.week - 1
    JOIN {products} AS p ON p.product_id = t.product_id
  ),
  household_totals AS (
    SELECT household_id, week, COUNT(DISTINCT basket_id) AS baskets FROM household_history GROUP BY household_id, week
  ),
  household_products AS (
    SELECT household_id, week, product_id, COUNT(DISTINCT basket_id) AS baskets, MIN(weeks_ago) AS weeks_ago
    FROM household_history GROUP BY household_id, week, product_id
  ),
  household_categories AS (
    SELECT household_id, week, product_category, COUNT(DISTINCT basket_id) AS baskets, MIN(weeks_ago) AS weeks_ago
    FROM household_history GROUP BY household_id, week, product_category
  ),
  household_departments AS (
    SELECT household_id, week, department, COUNT(DISTINCT basket_id) AS baskets
    FROM household_history GROUP BY household_id, week, department
  ),
  household_manufacturers AS (
    SELECT household_id, week, manufacturer_id, COUNT(DISTINCT basket_id) AS baskets
    FROM household_history GROUP BY household_id, week, manufacturer_id
  ),
  pairs AS (
    SELECT
      s.basket_id, s.household_id, s.week AS session_week, IFNULL(ht.baskets, 0) AS household_baskets,
      c.*, IF(b.product_id IS NULL, 0, 1) AS bought
    FROM sessions AS s
    LEFT JOIN household_totals AS ht ON ht.household_id = s.household_id AND ht.week = s.week
    JOIN {candidates} AS c ON c.store_id = s.store_id AND c.week = s.week
    LEFT JOIN bought AS b ON b.basket_id = s.basket_id AND b.product_id = c.product_id
    WHERE b.product_id IS NOT NULL OR MOD(s.basket_id * 7919 + c.product_id * 104729, 1000) < @share_of_others * 1000
  )
SELECT
  c.basket_id,
  c.week,
  ANY_VALUE(c.household_id) AS household_id,
  IF(ANY_VALUE(c.household_baskets) >= 12, 'regular', IF(ANY_VALUE(c.household_baskets) >= 1, 'occasional', 'new')) AS household_kind,
  ARRAY_AGG(STRUCT(
    c.product_id AS product_id,
    c.bought AS bought,
    c.product_category AS product_category,
    c.department AS department,
    c.private_brand AS private_brand,
    c.display AS display,
    c.popularity_1w AS popularity_1w,
    c.popularity_4w AS popularity_4w,
    c.popularity_12w AS popularity_12w,
    c.store_popularity_8w AS store_popularity_8w,
    c.category_popularity_4w AS category_popularity_4w,
    c.manufacturer_popularity_8w AS manufacturer_popularity_8w,
    c.price AS price,
    c.discount AS discount,
    c.weeks_since_sale AS weeks_since_sale,
    c.weeks_on_front_page AS weeks_on_front_page,
    c.mailer_popularity_12w AS mailer_popularity_12w,
    LN(1 + IFNULL(hp.baskets, 0)) AS household_product,
    IFNULL(hp.weeks_ago, @history_weeks + 1) AS household_product_weeks_ago,
    LN(1 + IFNULL(hc.baskets, 0)) AS household_category,
    IFNULL(hc.weeks_ago, @history_weeks + 1) AS household_category_weeks_ago,
    LN(1 + IFNULL(hd.baskets, 0)) AS household_department,
    LN(1 + IFNULL(hm.baskets, 0)) AS household_manufacturer,
    LN(1 + c.household_baskets) AS household_baskets
  ) ORDER BY c.product_id) AS candidates
FROM pairs AS c
LEFT JOIN household_products AS hp ON hp.household_id = c.household_id AND hp.week = c.session_week AND hp.product_id = c.product_id
LEFT JOIN household_categories AS hc ON hc.household_id = c.household_id AND hc.week = c.session_week AND hc.product_category = c.product_category
LEFT JOIN household_departments AS hd ON hd.household_id = c.household_id AND hd.week = c.session_week AND hd.department = c.department
LEFT JOIN household_manufacturers AS hm ON hm.household_id = c.household_id AND hm.week = c.session_week AND hm.manufacturer_id = c.manufacturer_id
GROUP BY c.basket_id, c.week
