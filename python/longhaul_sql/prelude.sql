-- What GoogleSQL does and DuckDB has no function for. Run once for each database, before translated statements.
-- A macro sees the type of its argument (typeof is folded when the statement is planned), so that CAST can be GoogleSQL's for all types.

-- NaN: of other types than floats nothing of these is left when the statement is planned.
CREATE OR REPLACE MACRO longhaul_is_nan(x) AS typeof(x) IN ('DOUBLE', 'FLOAT') AND hash(x) IN (hash('NaN'::DOUBLE), hash('NaN'::FLOAT));
CREATE OR REPLACE MACRO longhaul_not_nan(x) AS CASE WHEN longhaul_is_nan(x) THEN NULL ELSE x END;
CREATE OR REPLACE MACRO longhaul_no_nan(x) AS CASE WHEN longhaul_is_nan(x) THEN error('RIGHT or FULL JOIN … USING meets NaN, which is not translated: join with ON') ELSE x END;
CREATE OR REPLACE MACRO longhaul_order(x) AS CASE WHEN typeof(x) IN ('DOUBLE', 'FLOAT') AND x IS NOT NULL THEN NOT longhaul_is_nan(x) END;
-- Two short lists: DuckDB makes a join of a list of six, and so evaluates x also in rows for which a CASE or IF around it forbids that.
CREATE OR REPLACE MACRO longhaul_not_finite(x) AS typeof(x) IN ('DOUBLE', 'FLOAT')
  AND (hash(x) IN (hash('NaN'::DOUBLE), hash('Infinity'::DOUBLE), hash('-Infinity'::DOUBLE))
    OR hash(x) IN (hash('NaN'::FLOAT), hash('Infinity'::FLOAT), hash('-Infinity'::FLOAT)));

-- A whole number with room for a distance beyond INT64.
CREATE OR REPLACE MACRO longhaul_wide(x) AS CASE WHEN typeof(x) = 'BOOLEAN' THEN error('RANGE with a distance needs a number in ORDER BY') WHEN typeof(x) IN ('BIGINT', 'INTEGER') THEN CAST(TRY_CAST(x AS BIGINT) AS HUGEINT) ELSE x END;
CREATE OR REPLACE MACRO longhaul_distance(n) AS CASE WHEN n IS NULL OR n < 0 THEN error('the distance of a window frame must not be negative or NULL') ELSE n END;
CREATE OR REPLACE MACRO longhaul_separator(s) AS CASE WHEN s IS NULL THEN error('STRING_AGG: the separator is NULL') ELSE s END;
CREATE OR REPLACE MACRO longhaul_sum(x) AS CASE WHEN typeof(x) = 'HUGEINT' AND x IS NOT NULL AND TRY_CAST(x AS BIGINT) IS NULL THEN error('SUM: the result is no INT64') ELSE x END;
CREATE OR REPLACE MACRO longhaul_positive(n, what) AS CASE WHEN n IS NULL OR n < 1 THEN error(what || ': the number must be positive') ELSE n END;
-- Sorted by DuckDB: NaN comes before the numbers.
CREATE OR REPLACE MACRO longhaul_nan_sorted(list, ascending) AS CASE WHEN typeof(list) = 'DOUBLE[]' AND len(list_filter(list, lambda e: longhaul_is_nan(e))) > 0
  THEN CASE WHEN ascending
    THEN list_filter(list, lambda e: e IS NULL) || list_filter(list, lambda e: longhaul_is_nan(e)) || list_filter(list, lambda e: e IS NOT NULL AND NOT longhaul_is_nan(e))
    ELSE list_filter(list, lambda e: e IS NOT NULL AND NOT longhaul_is_nan(e)) || list_filter(list, lambda e: longhaul_is_nan(e)) || list_filter(list, lambda e: e IS NULL) END
  ELSE list END;

CREATE OR REPLACE MACRO longhaul_nan_is_least(x) AS CASE WHEN isnan(x) THEN '-inf'::DOUBLE ELSE x END;
CREATE OR REPLACE MACRO longhaul_percentile(found, has_nan, has_least) AS CASE WHEN NOT has_nan THEN found
  WHEN has_least THEN error('a percentile of values with both NaN and -infinity is not computed here: leave one of them out')
  WHEN isnan(found) OR found = '-inf'::DOUBLE THEN 'NaN'::DOUBLE ELSE found END;
CREATE OR REPLACE MACRO longhaul_without_nan(found, has_nan) AS
  CASE WHEN has_nan THEN error('PERCENTILE_DISC meets NaN in a column whose type only the table knows: CAST(… AS FLOAT64)') ELSE found END;

-- Percentiles of all values with the NULLs, which come first; between NULL and a value that is the value.
CREATE OR REPLACE MACRO longhaul_percentile_disc(sorted, share) AS sorted[greatest(1, CAST(ceil(share * len(sorted)) AS BIGINT))];
CREATE OR REPLACE MACRO longhaul_between(low, high, part) AS CASE WHEN part = 0 THEN low WHEN low IS NULL THEN high ELSE low + (high - low) * part END;
CREATE OR REPLACE MACRO longhaul_percentile_cont(sorted, share) AS longhaul_between(sorted[CAST(floor(share * (len(sorted) - 1)) AS BIGINT) + 1],
  sorted[CAST(ceil(share * (len(sorted) - 1)) AS BIGINT) + 1], share * (len(sorted) - 1) - floor(share * (len(sorted) - 1)));

CREATE OR REPLACE MACRO longhaul_divide(a, b) AS CASE WHEN b = 0 THEN error('division by zero: ' || CAST(a AS VARCHAR) || ' / 0') ELSE a / b END;
CREATE OR REPLACE MACRO longhaul_safe_divide(a, b) AS CASE WHEN b <> 0 AND NOT (longhaul_not_finite(a / b) AND NOT longhaul_not_finite(a) AND NOT longhaul_not_finite(b)) THEN a / b END;
CREATE OR REPLACE MACRO longhaul_in_years(x, least, most) AS CASE WHEN x < least OR x > most THEN error('a date or time is outside of the years 1 to 9999') ELSE x END;
CREATE OR REPLACE MACRO longhaul_in_years_date(x) AS longhaul_in_years(x, DATE '0001-01-01', DATE '9999-12-31');
CREATE OR REPLACE MACRO longhaul_in_years_datetime(x) AS longhaul_in_years(x, TIMESTAMP '0001-01-01 00:00:00', TIMESTAMP '9999-12-31 23:59:59.999999');
CREATE OR REPLACE MACRO longhaul_in_years_timestamp(x) AS longhaul_in_years(x, TIMESTAMPTZ '0001-01-01 00:00:00+00', TIMESTAMPTZ '9999-12-31 23:59:59.999999+00');
CREATE OR REPLACE MACRO longhaul_div(a, b) AS CASE WHEN b = 0 THEN error('division by zero: DIV(' || CAST(a AS VARCHAR) || ', 0)') ELSE a // b END;
CREATE OR REPLACE MACRO longhaul_mod(a, b) AS CASE WHEN b = 0 THEN error('division by zero: MOD(' || CAST(a AS VARCHAR) || ', 0)') WHEN b = -1 THEN a * 0 ELSE a % b END;
-- GoogleSQL raises an error where IEEE arithmetic gives infinity.
CREATE OR REPLACE MACRO longhaul_finite(x, what) AS CASE WHEN isinf(x) THEN error(what || ': floating point overflow') ELSE x END;

CREATE OR REPLACE MACRO longhaul_is_hex(t) AS regexp_full_match(t, '\s*[+-]?0[xX][0-9a-fA-F]+\s*');
CREATE OR REPLACE MACRO longhaul_of_hex(t) AS CAST((CASE WHEN contains(t, '-') THEN -1 ELSE 1 END) * CAST(CAST(unhex(lpad(regexp_extract(t, '0[xX]0*([0-9a-fA-F]+)', 1), 32, '0')) AS BIT) AS HUGEINT) AS BIGINT);
-- Halves are rounded away from zero; texts must be whole numbers.
CREATE OR REPLACE MACRO longhaul_int64(x) AS CASE
  WHEN typeof(x) = 'VARCHAR' AND longhaul_is_hex(CAST(x AS VARCHAR)) THEN longhaul_of_hex(CAST(x AS VARCHAR))
  WHEN typeof(x) = 'VARCHAR' AND NOT regexp_full_match(CAST(x AS VARCHAR), '\s*[+-]?[0-9]+\s*') THEN error('Bad int64 value: ' || CAST(x AS VARCHAR))
  WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN CAST(round(TRY_CAST(x AS DOUBLE)) AS BIGINT)
  ELSE CAST(x AS BIGINT) END;
CREATE OR REPLACE MACRO longhaul_safe_int64(x) AS CASE
  WHEN typeof(x) = 'VARCHAR' AND longhaul_is_hex(CAST(x AS VARCHAR)) THEN TRY(longhaul_of_hex(CAST(x AS VARCHAR)))
  WHEN typeof(x) = 'VARCHAR' AND NOT regexp_full_match(CAST(x AS VARCHAR), '\s*[+-]?[0-9]+\s*') THEN NULL
  WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN TRY_CAST(round(TRY_CAST(x AS DOUBLE)) AS BIGINT)
  ELSE TRY_CAST(x AS BIGINT) END;
CREATE OR REPLACE MACRO longhaul_bool(x) AS CASE
  WHEN typeof(x) = 'VARCHAR' AND NOT regexp_full_match(lower(CAST(x AS VARCHAR)), 'true|false') THEN error('Bad bool value: ' || CAST(x AS VARCHAR))
  ELSE CAST(x AS BOOLEAN) END;
CREATE OR REPLACE MACRO longhaul_safe_bool(x) AS CASE
  WHEN typeof(x) = 'VARCHAR' AND NOT regexp_full_match(lower(CAST(x AS VARCHAR)), 'true|false') THEN NULL
  ELSE TRY_CAST(x AS BOOLEAN) END;
CREATE OR REPLACE MACRO longhaul_float_text(x) AS CASE
  WHEN isnan(x) THEN 'nan'
  WHEN x = 0 THEN '0'
  WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'inf' ELSE '-inf' END
  WHEN CAST(format('{:.15g}', x) AS DOUBLE) = x THEN format('{:.15g}', x)
  ELSE format('{:.17g}', x) END;
-- Fractions of seconds have three or six digits.
CREATE OR REPLACE MACRO longhaul_time_text(x) AS regexp_replace(regexp_replace(regexp_replace(regexp_replace(x,
  '\.([0-9])([+-].*)?$', '.\100\2'), '\.([0-9]{2})([+-].*)?$', '.\10\2'), '\.([0-9]{4})([+-].*)?$', '.\100\2'), '\.([0-9]{5})([+-].*)?$', '.\10\2');
CREATE OR REPLACE MACRO longhaul_string(x) AS CASE
  WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN longhaul_float_text(TRY_CAST(x AS DOUBLE))
  WHEN typeof(x) LIKE 'TIMESTAMP%' THEN longhaul_time_text(CAST(x AS VARCHAR))
  WHEN typeof(x) = 'BLOB' THEN error('CAST of BYTES as STRING is not translated')
  ELSE CAST(x AS VARCHAR) END;

-- All white space of Unicode, not only the blank.
CREATE OR REPLACE MACRO longhaul_space() AS (chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || ' ' || chr(133) || chr(160) || chr(5760) || chr(8192) || chr(8193) || chr(8194) || chr(8195) || chr(8196) || chr(8197) || chr(8198) || chr(8199) || chr(8200) || chr(8201) || chr(8202) || chr(8232) || chr(8233) || chr(8239) || chr(8287) || chr(12288));
-- Position 0 is 1; a position before the start is the start; a negative length is an error.
CREATE OR REPLACE MACRO longhaul_from(s, p) AS CASE WHEN p = 0 OR p < -length(s) THEN 1 WHEN p < 0 THEN length(s) + p + 1 ELSE p END;
CREATE OR REPLACE MACRO longhaul_substr(s, p, n) AS CASE WHEN n < 0 THEN error('SUBSTR: the length is negative') ELSE substr(s, longhaul_from(s, p), n) END;
CREATE OR REPLACE MACRO longhaul_pad(s, n) AS CASE WHEN n < 0 THEN error('LPAD/RPAD: the length is negative') ELSE CAST(n AS INTEGER) END;
CREATE OR REPLACE MACRO longhaul_count(n, what) AS CASE WHEN n < 0 THEN error(what || ': the number is negative') ELSE n END;
CREATE OR REPLACE MACRO longhaul_regexp_extract(s, pattern, part) AS CASE WHEN regexp_matches(s, pattern) THEN regexp_extract(s, pattern, part) END;

-- Of JSON in a column of a table this would be a character of its text.
CREATE OR REPLACE MACRO longhaul_list(list) AS CASE WHEN typeof(list) IN ('JSON', 'VARCHAR') THEN error('an element of JSON by its place is not translated for a column of a table: write JSON_QUERY(json, ''$[0]'')') ELSE list END;
CREATE OR REPLACE MACRO longhaul_at(list, i) AS CASE WHEN list IS NULL THEN NULL WHEN i < 0 OR i >= len(list) THEN error('Array index ' || CAST(i AS VARCHAR) || ' is out of bounds') ELSE list[i + 1] END;
CREATE OR REPLACE MACRO longhaul_safe_at(list, i) AS CASE WHEN i >= 0 THEN list[i + 1] END;
CREATE OR REPLACE MACRO longhaul_in_array(x, list) AS CASE
  WHEN list IS NULL OR len(list) = 0 THEN FALSE
  WHEN list_contains(list, x) AND NOT longhaul_is_nan(x) THEN TRUE
  WHEN x IS NULL OR len(list) > list_count(list) THEN NULL
  ELSE FALSE END;
CREATE OR REPLACE MACRO longhaul_series(a, b, step) AS CASE WHEN step = 0 THEN error('GENERATE_ARRAY: the step is 0') ELSE generate_series(CAST(a AS BIGINT), CAST(b AS BIGINT), CAST(step AS BIGINT)) END;
CREATE OR REPLACE MACRO longhaul_float_series(a, b, step) AS CASE WHEN a IS NULL OR b IS NULL OR step IS NULL THEN NULL
  WHEN step = 0 THEN error('GENERATE_ARRAY: the step is 0') WHEN NOT (isfinite(a) AND isfinite(b) AND isfinite(step)) THEN error('GENERATE_ARRAY: an argument is not finite')
  WHEN (b - a) / step > 16000 THEN error('GENERATE_ARRAY: the array has more than 16000 elements')
  ELSE list_filter(list_transform(range(0, CAST(greatest(-1e0, floor((b - a) / step)) AS BIGINT) + 2), lambda i: a + i * step), lambda e: CASE WHEN step > 0 THEN e <= b ELSE e >= b END) END;
CREATE OR REPLACE MACRO longhaul_date_series(a, b, step) AS CASE WHEN step = 0 THEN error('GENERATE_DATE_ARRAY: the step is 0')
  ELSE list_transform(generate_series(0, date_diff('day', a, b), CAST(step AS BIGINT)), lambda i: a + CAST(i AS INTEGER)) END;
-- Each month counts from the start, so that 31 January is followed by 31 March.
CREATE OR REPLACE MACRO longhaul_month_series(a, b, step) AS CASE WHEN step <= 0 THEN error('GENERATE_DATE_ARRAY: the step must be positive')
  ELSE list_filter(list_transform(generate_series(0, date_diff('month', a, b), CAST(step AS BIGINT)), lambda i: CAST(a + to_months(CAST(i AS INTEGER)) AS DATE)), lambda d: d <= b) END;
-- n + 1 boundaries out of the elements themselves: the ceil(i × size / n)-th smallest.
CREATE OR REPLACE MACRO longhaul_quantiles(sorted, n) AS CASE WHEN len(sorted) > 0 THEN list_transform(range(0, n + 1), lambda i: sorted[greatest(1, (i * len(sorted) + n - 1) // n)]) END;
-- The most frequent values; `example` gives NULL its type.
CREATE OR REPLACE MACRO longhaul_top_count(counts, nulls, example, n) AS list_transform(list_reverse_sort(
  coalesce(list_transform(map_entries(counts), lambda e: {'c': CAST(e.value AS BIGINT), 'v': e.key}), []) || CASE WHEN nulls > 0 THEN [{'c': CAST(nulls AS BIGINT), 'v': nullif(example, example)}] ELSE [] END)[1:n],
  lambda e: {'value': e.v, 'count': e.c});
CREATE OR REPLACE MACRO longhaul_bucket(x, bounds) AS CASE WHEN x IS NULL OR longhaul_is_nan(x) THEN NULL
  WHEN len(bounds) > list_count(bounds) OR len(list_filter(bounds, lambda e: longhaul_is_nan(e))) > 0 OR bounds <> list_sort(bounds) THEN error('RANGE_BUCKET: the array must be in order, without NULL and NaN')
  ELSE len(list_filter(bounds, lambda e: e <= x)) END;

-- shift: days from the week's first day to the following Monday (0 for Monday, 1 for Sunday).
CREATE OR REPLACE MACRO longhaul_week_trunc(x, shift) AS cast_to_type(date_trunc('week', x + to_days(shift)) - to_days(shift), x);
CREATE OR REPLACE MACRO longhaul_trunc(part, x) AS cast_to_type(date_trunc(part, x), x);
CREATE OR REPLACE MACRO longhaul_week_diff(b, a, shift) AS date_diff('day', date_trunc('week', CAST(b AS DATE) + shift), date_trunc('week', CAST(a AS DATE) + shift)) // 7;
-- Days before the first `first` (0 is Sunday) of the year are in week 0.
CREATE OR REPLACE MACRO longhaul_week_number(x, first) AS (extract('doy' FROM x) + 6 - (extract('dow' FROM x) + 7 - first) % 7) // 7;
CREATE OR REPLACE MACRO longhaul_elapsed(a, b, unit) AS (epoch_us(CAST(a AS TIMESTAMPTZ)) - epoch_us(CAST(b AS TIMESTAMPTZ))) // unit;
-- In results and tables a NULL array is an empty one.
CREATE OR REPLACE MACRO longhaul_stored(x) AS CASE WHEN typeof(x) LIKE '%[]' THEN coalesce(x, TRY(cast_to_type('[]', x))) ELSE x END;
CREATE OR REPLACE MACRO longhaul_stored_array(x) AS CASE WHEN len(x) > list_count(x) THEN error('an array of the result has a NULL in it, which BigQuery does not store: use ARRAY_AGG(… IGNORE NULLS), or leave them out') ELSE coalesce(x, []) END;
