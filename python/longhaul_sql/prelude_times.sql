-- A zone is a name, or an offset like +5:30, which DuckDB does not take.
CREATE OR REPLACE MACRO longhaul_is_offset(z) AS regexp_full_match(z, '(?:UTC)?[+-][0-9]{1,2}(?::?[0-9]{2})?');
-- At most 14 hours either way.
CREATE OR REPLACE MACRO longhaul_is_known_offset(z) AS longhaul_is_offset(z) AND regexp_matches(z, '[+-](?:0?[0-9]|1[0-3])(?::?[0-5][0-9])?$|[+-]14(?::?00)?$');
CREATE OR REPLACE MACRO longhaul_offset(z) AS CASE WHEN NOT longhaul_is_known_offset(z) THEN error('Invalid time zone: ' || z) ELSE to_seconds(CAST((CASE WHEN contains(z, '-') THEN -1 ELSE 1 END)
  * (CAST(regexp_extract(z, '[+-]([0-9]{1,2})', 1) AS BIGINT) * 3600 + CAST('0' || regexp_extract(z, '[+-][0-9]{1,2}:?([0-9]{2})$', 1) AS BIGINT) * 60) AS BIGINT)) END;
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

-- Texts as dates and times. DuckDB would also take 24:00:00, the year 0, years of five digits, `epoch` and every offset. Second 60 is the minute after.
CREATE OR REPLACE MACRO longhaul_civil(t) AS regexp_extract(t, '^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[ Tt](?:[01]?[0-9]|2[0-3]):[0-5]?[0-9](?::(?:60|[0-5]?[0-9])(?:\.[0-9]{0,9})?)?)?');
CREATE OR REPLACE MACRO longhaul_is_leap(t) AS regexp_matches(t, ':60(\.[0-9]*)?$');
CREATE OR REPLACE MACRO longhaul_before_leap(t) AS regexp_replace(t, ':60(\.[0-9]*)?$', ':59');
CREATE OR REPLACE MACRO longhaul_civil_time(c) AS CASE WHEN c = '' OR starts_with(c, '0000') OR (starts_with(c, '9999-12-31') AND longhaul_is_leap(c) AND contains(c, '23:59')) THEN NULL
  WHEN longhaul_is_leap(c) THEN TRY_CAST(longhaul_before_leap(upper(c)) AS TIMESTAMP) + INTERVAL 1 SECOND ELSE TRY_CAST(upper(c) AS TIMESTAMP) END;
CREATE OR REPLACE MACRO longhaul_text_datetime(t) AS CASE WHEN longhaul_civil(t) = t THEN longhaul_civil_time(t) END;
CREATE OR REPLACE MACRO longhaul_at_zone(d, z) AS CASE WHEN z IN ('', 'Z', 'z', ' UTC') THEN d AT TIME ZONE 'UTC'
  WHEN longhaul_is_offset(ltrim(z)) THEN CASE WHEN longhaul_is_known_offset(ltrim(z)) THEN (d - longhaul_offset(ltrim(z))) AT TIME ZONE 'UTC' END
  WHEN starts_with(z, ' ') AND longhaul_is_zone(z[2:]) THEN longhaul_first_of(d AT TIME ZONE z[2:], d, z[2:]) END;
CREATE OR REPLACE MACRO longhaul_instant(d, z) AS CASE WHEN longhaul_at_zone(d, z) BETWEEN TIMESTAMPTZ '0001-01-01 00:00:00+00' AND TIMESTAMPTZ '9999-12-31 23:59:59.999999+00' THEN longhaul_at_zone(d, z) END;
CREATE OR REPLACE MACRO longhaul_text_timestamp(t) AS longhaul_instant(longhaul_civil_time(longhaul_civil(t)), substr(t, length(longhaul_civil(t)) + 1));
CREATE OR REPLACE MACRO longhaul_text_time(t) AS CASE WHEN NOT regexp_full_match(t, '(?:[01]?[0-9]|2[0-3]):[0-5]?[0-9]:(?:[0-5]?[0-9]|60)(?:\.[0-9]{0,9})?') THEN NULL
  WHEN longhaul_is_leap(t) THEN TRY_CAST(longhaul_before_leap(t) AS TIME) + INTERVAL 1 SECOND ELSE TRY_CAST(t AS TIME) END;
CREATE OR REPLACE MACRO longhaul_text_date(t) AS CASE WHEN regexp_full_match(t, '[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}') AND NOT starts_with(t, '0000') THEN TRY_CAST(t AS DATE) END;
CREATE OR REPLACE MACRO longhaul_made_of(made, t, what) AS CASE WHEN made IS NULL AND t IS NOT NULL THEN error('Invalid ' || what || ' string: ' || t) ELSE made END;
CREATE OR REPLACE MACRO longhaul_datetime(x) AS CASE WHEN typeof(x) = 'VARCHAR' THEN longhaul_made_of(longhaul_text_datetime(CAST(x AS VARCHAR)), CAST(x AS VARCHAR), 'datetime') ELSE CAST(x AS TIMESTAMP) END;
CREATE OR REPLACE MACRO longhaul_timestamp(x) AS CASE WHEN typeof(x) = 'VARCHAR' THEN longhaul_made_of(longhaul_text_timestamp(CAST(x AS VARCHAR)), CAST(x AS VARCHAR), 'timestamp') ELSE CAST(x AS TIMESTAMPTZ) END;
CREATE OR REPLACE MACRO longhaul_date(x) AS CASE WHEN typeof(x) = 'VARCHAR' THEN longhaul_made_of(longhaul_text_date(CAST(x AS VARCHAR)), CAST(x AS VARCHAR), 'date') ELSE CAST(x AS DATE) END;
CREATE OR REPLACE MACRO longhaul_text_day(t) AS CASE WHEN longhaul_text_timestamp(t) IS NOT NULL THEN CAST(longhaul_civil_time(longhaul_civil(t)) AS DATE) END;
CREATE OR REPLACE MACRO longhaul_day_of(x) AS CASE WHEN typeof(x) = 'VARCHAR' THEN longhaul_made_of(longhaul_text_day(CAST(x AS VARCHAR)), CAST(x AS VARCHAR), 'date') ELSE CAST(x AS DATE) END;
CREATE OR REPLACE MACRO longhaul_time(x) AS CASE WHEN typeof(x) = 'VARCHAR' THEN longhaul_made_of(longhaul_text_time(CAST(x AS VARCHAR)), CAST(x AS VARCHAR), 'time') ELSE CAST(x AS TIME) END;
CREATE OR REPLACE MACRO longhaul_safe_datetime(x) AS CASE WHEN typeof(x) = 'VARCHAR' THEN longhaul_text_datetime(CAST(x AS VARCHAR)) ELSE TRY_CAST(x AS TIMESTAMP) END;
CREATE OR REPLACE MACRO longhaul_safe_timestamp(x) AS CASE WHEN typeof(x) = 'VARCHAR' THEN longhaul_text_timestamp(CAST(x AS VARCHAR)) ELSE TRY_CAST(x AS TIMESTAMPTZ) END;
CREATE OR REPLACE MACRO longhaul_safe_date(x) AS CASE WHEN typeof(x) = 'VARCHAR' THEN longhaul_text_date(CAST(x AS VARCHAR)) ELSE TRY_CAST(x AS DATE) END;
CREATE OR REPLACE MACRO longhaul_safe_time(x) AS CASE WHEN typeof(x) = 'VARCHAR' THEN longhaul_text_time(CAST(x AS VARCHAR)) ELSE TRY_CAST(x AS TIME) END;
CREATE OR REPLACE MACRO longhaul_civil_of(y, mo, d, h, mi, s) AS CASE WHEN h NOT BETWEEN 0 AND 23 OR mi NOT BETWEEN 0 AND 59 OR s NOT BETWEEN 0 AND 60 THEN error('Input calculates to an invalid datetime') ELSE make_timestamp(y, mo, d, h, mi, s) END;
CREATE OR REPLACE MACRO longhaul_clock(h, mi, s) AS CASE WHEN h NOT BETWEEN 0 AND 23 OR mi NOT BETWEEN 0 AND 59 OR s NOT BETWEEN 0 AND 60 THEN error('Input calculates to an invalid time') WHEN s = 60 THEN make_time(h, mi, 59e0) + INTERVAL 1 SECOND ELSE make_time(h, mi, CAST(s AS DOUBLE)) END;
