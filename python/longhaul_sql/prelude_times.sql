-- Dates and times as texts, in buckets and in rows.

CREATE OR REPLACE MACRO longhaul_format_timestamp(f, x, zone) AS longhaul_strftime(f, 'TIMESTAMP', x AT TIME ZONE zone, (epoch_us(x AT TIME ZONE zone) - epoch_us(x)) // 1000000);
CREATE OR REPLACE MACRO longhaul_zoned_text(x, zone) AS longhaul_time_text(CAST(x AT TIME ZONE zone AS VARCHAR)) || regexp_replace(longhaul_format_timestamp('%Ez', x, zone), ':00$', '');
CREATE OR REPLACE MACRO longhaul_micros_date(m) AS CAST(make_timestamp(m) AS DATE);
CREATE OR REPLACE MACRO longhaul_isoyear_start(x) AS CAST(date_trunc('week', make_date(CAST(extract('isoyear' FROM x) AS BIGINT), 1, 4)) AS DATE);
CREATE OR REPLACE MACRO longhaul_isoyear_end(x) AS CAST(date_trunc('week', make_date(CAST(extract('isoyear' FROM x) + 1 AS BIGINT), 1, 4)) AS DATE) - 1;
CREATE OR REPLACE MACRO longhaul_timestamp_series(a, b, step) AS CASE WHEN step = 0 THEN error('GENERATE_TIMESTAMP_ARRAY: the step is 0')
  ELSE list_transform(generate_series(epoch_us(a), epoch_us(b), CAST(step AS BIGINT)), lambda m: make_timestamp(m) AT TIME ZONE 'UTC') END;
-- Buckets of so many microseconds, counted from an origin.
CREATE OR REPLACE MACRO longhaul_bucket_micros(m, origin, width) AS m - (((m - origin) % width) + width) % width;
