-- The home page on paper: products on the front page of a store's weekly mailer, with what was known of them before that week.
WITH
  front_page AS (
    SELECT
      product_id, store_id, week,
      -- '0' is no display; a letter or a higher digit is a place further from the entrance.
      MAX(display_location) AS display
    FROM {promotions}
    WHERE mailer_location = 'D'
    GROUP BY product_id, store_id, week
  ),
  -- Sales of a product in a week; each becomes history for the @history_weeks weeks after it.
  sold AS (
    SELECT
      t.product_id, p.product_category, p.manufacturer_id, t.store_id, t.week, t.basket_id,
      IF(t.quantity > 0, t.sales_value / t.quantity, NULL) AS price,
      IF(t.sales_value + t.retail_disc > 0, t.retail_disc / (t.sales_value + t.retail_disc), NULL) AS discount
    FROM {transactions} AS t
    JOIN {products} AS p ON p.product_id = t.product_id
  ),
  -- Weeks of a product that was never on a front page are no candidate's history.
  page_sold AS (SELECT s.* FROM sold AS s JOIN (SELECT DISTINCT product_id FROM front_page) AS f ON f.product_id = s.product_id),
  lags AS (SELECT lag FROM UNNEST(GENERATE_ARRAY(1, @history_weeks)) AS lag),
  product_weeks AS (
    SELECT product_id, week, COUNT(DISTINCT basket_id) AS baskets, AVG(price) AS price, AVG(discount) AS discount
    FROM page_sold GROUP BY product_id, week
  ),
  product_history AS (
    SELECT
      product_id, week + lag AS week,
      SUM(IF(lag <= 1, baskets, 0)) AS baskets_1, SUM(IF(lag <= 4, baskets, 0)) AS baskets_4, SUM(baskets) AS baskets_12,
      AVG(price) AS price, AVG(discount) AS discount, MIN(lag) AS weeks_since_sale
    FROM product_weeks CROSS JOIN lags GROUP BY product_id, week + lag
  ),
  store_history AS (
    SELECT product_id, store_id, week + lag AS week, SUM(baskets) AS baskets_8
    FROM (SELECT product_id, store_id, week, COUNT(DISTINCT basket_id) AS baskets FROM page_sold GROUP BY product_id, store_id, week)
    CROSS JOIN lags WHERE lag <= 8 GROUP BY product_id, store_id, week + lag
  ),
  category_history AS (
    SELECT product_category, week + lag AS week, SUM(baskets) AS baskets_4
    FROM (SELECT product_category, week, COUNT(DISTINCT basket_id) AS baskets FROM sold GROUP BY product_category, week)
    CROSS JOIN lags WHERE lag <= 4 GROUP BY product_category, week + lag
  ),
  manufacturer_history AS (
    SELECT manufacturer_id, week + lag AS week, SUM(baskets) AS baskets_8
    FROM (SELECT manufacturer_id, week, COUNT(DISTINCT basket_id) AS baskets FROM sold GROUP BY manufacturer_id, week)
    CROSS JOIN lags WHERE lag <= 8 GROUP BY manufacturer_id, week + lag
  ),
  -- How products sell while on the front page: the mailer's own pull.
  mailer_weeks AS (
    SELECT f.product_id, f.week, COUNT(DISTINCT s.basket_id) AS baskets, COUNT(DISTINCT f.store_id) AS stores
    FROM front_page AS f LEFT JOIN page_sold AS s ON s.product_id = f.product_id AND s.store_id = f.store_id AND s.week = f.week
    GROUP BY f.product_id, f.week
  ),
  mailer_history AS (
    SELECT product_id, week + lag AS week, COUNT(*) AS weeks_on_front_page, SUM(baskets) AS mailer_baskets
    FROM mailer_weeks CROSS JOIN lags GROUP BY product_id, week + lag
  )
SELECT
  f.store_id, f.week, f.product_id,
  IFNULL(p.product_category, 'unknown') AS product_category,
  IFNULL(p.department, 'unknown') AS department,
  p.manufacturer_id,
  IF(p.brand = 'Private', 1, 0) AS private_brand,
  f.display,
  LN(1 + IFNULL(ph.baskets_1, 0)) AS popularity_1w,
  LN(1 + IFNULL(ph.baskets_4, 0)) AS popularity_4w,
  LN(1 + IFNULL(ph.baskets_12, 0)) AS popularity_12w,
  LN(1 + IFNULL(sh.baskets_8, 0)) AS store_popularity_8w,
  LN(1 + IFNULL(ch.baskets_4, 0)) AS category_popularity_4w,
  LN(1 + IFNULL(mh.baskets_8, 0)) AS manufacturer_popularity_8w,
  -- Rounded: sums of parallel threads differ in their last digits, and equal data is to give equal models.
  ROUND(LN(1 + ph.price), 6) AS price,
  ROUND(ph.discount, 6) AS discount,
  IFNULL(ph.weeks_since_sale, @history_weeks + 1) AS weeks_since_sale,
  IFNULL(fh.weeks_on_front_page, 0) AS weeks_on_front_page,
  LN(1 + IFNULL(fh.mailer_baskets, 0)) AS mailer_popularity_12w
FROM front_page AS f
JOIN {products} AS p ON p.product_id = f.product_id
LEFT JOIN product_history AS ph ON ph.product_id = f.product_id AND ph.week = f.week
LEFT JOIN store_history AS sh ON sh.product_id = f.product_id AND sh.store_id = f.store_id AND sh.week = f.week
LEFT JOIN category_history AS ch ON ch.product_category = p.product_category AND ch.week = f.week
LEFT JOIN manufacturer_history AS mh ON mh.manufacturer_id = p.manufacturer_id AND mh.week = f.week
LEFT JOIN mailer_history AS fh ON fh.product_id = f.product_id AND fh.week = f.week
WHERE f.week >= @first_week
