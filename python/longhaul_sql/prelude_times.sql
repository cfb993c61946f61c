-- A zone is a name, or an offset like +5:30, which DuckDB does not take.
CREATE OR REPLACE MACRO longhaul_is_offset(z) AS regexp_full_match(z, '(?:UTC)?[+-][0-9]{1,2}(?::?[0-9]{2})?');
CREATE OR REPLACE MACRO longhaul_offset(z) AS to_seconds(CAST((CASE WHEN contains(z, '-') THEN -1 ELSE 1 END)
  * (CAST(regexp_extract(z, '[+-]([0-9]{1,2})', 1) AS BIGINT) * 3600 + CAST('0' || regexp_extract(z, '[+-][0-9]{1,2}:?([0-9]{2})$', 1) AS BIGINT) * 60) AS BIGINT));
-- A time that a clock shows twice is the first of the two.
CREATE OR REPLACE MACRO longhaul_first_of(t, x, z) AS CASE WHEN z = 'UTC' THEN t WHEN (t - INTERVAL 1 HOUR) AT TIME ZONE z = x THEN t - INTERVAL 1 HOUR
  WHEN (t - INTERVAL 30 MINUTE) AT TIME ZONE z = x THEN t - INTERVAL 30 MINUTE ELSE t END;
CREATE OR REPLACE MACRO longhaul_zone(x TIMESTAMPTZ, z VARCHAR) AS CASE WHEN longhaul_is_offset(z) THEN (x AT TIME ZONE 'UTC') + longhaul_offset(z) ELSE x AT TIME ZONE z END,
  (x TIMESTAMP, z VARCHAR) AS CASE WHEN longhaul_is_offset(z) THEN (x - longhaul_offset(z)) AT TIME ZONE 'UTC' ELSE longhaul_first_of(x AT TIME ZONE z, x, z) END;
-- Dates and times as texts, in buckets and in rows.

CREATE OR REPLACE MACRO longhaul_format_timestamp(f, x, zone) AS longhaul_strftime(f, 'TIMESTAMP', longhaul_zone(CAST(x AS TIMESTAMPTZ), zone), (epoch_us(longhaul_zone(CAST(x AS TIMESTAMPTZ), zone)) - epoch_us(x)) // 1000000);
CREATE OR REPLACE MACRO longhaul_zoned_text(x, zone) AS longhaul_time_text(CAST(longhaul_zone(CAST(x AS TIMESTAMPTZ), zone) AS VARCHAR)) || regexp_replace(longhaul_format_timestamp('%Ez', x, zone), ':00$', '');
CREATE OR REPLACE MACRO longhaul_micros_date(m) AS CAST(make_timestamp(m) AS DATE);
CREATE OR REPLACE MACRO longhaul_isoyear_start(x) AS CAST(date_trunc('week', make_date(CAST(extract('isoyear' FROM x) AS BIGINT), 1, 4)) AS DATE);
CREATE OR REPLACE MACRO longhaul_isoyear_end(x) AS CAST(date_trunc('week', make_date(CAST(extract('isoyear' FROM x) + 1 AS BIGINT), 1, 4)) AS DATE) - 1;
CREATE OR REPLACE MACRO longhaul_timestamp_series(a, b, step) AS CASE WHEN step = 0 THEN error('GENERATE_TIMESTAMP_ARRAY: the step is 0')
  ELSE list_transform(generate_series(epoch_us(a), epoch_us(b), CAST(step AS BIGINT)), lambda m: make_timestamp(m) AT TIME ZONE 'UTC') END;
-- Buckets of so many microseconds, counted from an origin.
CREATE OR REPLACE MACRO longhaul_bucket_micros(m, origin, width) AS m - (((m - origin) % width) + width) % width;
CREATE OR REPLACE MACRO longhaul_cast_format_timestamp(f, x, zone) AS longhaul_cast_format(f, 'TIMESTAMP', longhaul_zone(CAST(x AS TIMESTAMPTZ), zone), (epoch_us(longhaul_zone(CAST(x AS TIMESTAMPTZ), zone)) - epoch_us(x)) // 1000000);
CREATE OR REPLACE MACRO longhaul_cast_parse_timestamp(f, x, zone) AS CASE WHEN zone IS NULL THEN NULL WHEN contains(upper(f), 'TZH') THEN make_timestamp(longhaul_cast_parse(f, 'TIMESTAMP', x)) AT TIME ZONE 'UTC'
  ELSE longhaul_zone(make_timestamp(longhaul_cast_parse(f, 'TIMESTAMP', x)), zone) END;
