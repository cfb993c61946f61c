-- Numbers: bits, and functions whose results are infinite or NaN only where an argument is.

CREATE OR REPLACE MACRO longhaul_bit_and(a BIGINT, b BIGINT) AS a & b, (a BLOB, b BLOB) AS longhaul_bytes_and(a, b);
CREATE OR REPLACE MACRO longhaul_bit_or(a BIGINT, b BIGINT) AS a | b, (a BLOB, b BLOB) AS longhaul_bytes_or(a, b);
CREATE OR REPLACE MACRO longhaul_bit_xor(a BIGINT, b BIGINT) AS xor(a, b), (a BLOB, b BLOB) AS longhaul_bytes_xor(a, b);
CREATE OR REPLACE MACRO longhaul_bit_not(a BIGINT) AS ~a, (a BLOB) AS longhaul_bytes_not(a);
CREATE OR REPLACE MACRO longhaul_bits(x BIGINT) AS CAST(bit_count(x) AS BIGINT), (x BLOB) AS longhaul_bytes_count(x);

-- Distances of vectors, and of pairs of a dimension and a number.
CREATE OR REPLACE MACRO longhaul_vectors(a, b, what) AS CASE WHEN len(a) <> len(b) THEN error(what || ': the arrays have different lengths')
  WHEN len(a) > list_count(a) OR len(b) > list_count(b) THEN error(what || ': an element is NULL')
  WHEN len(a) = 0 THEN error(what || ': the arrays are empty') ELSE a END;
CREATE OR REPLACE MACRO longhaul_norm(a, what) AS CASE WHEN list_sum(list_transform(a, lambda e: e * e)) = 0 THEN error(what || ': a vector of length 0 has no direction')
  ELSE sqrt(list_sum(list_transform(a, lambda e: e * e))) END;
CREATE OR REPLACE MACRO longhaul_product(a, b) AS list_sum(list_transform(range(1, len(a) + 1), lambda i: a[i] * b[i]));
CREATE OR REPLACE MACRO longhaul_euclidean_distance(a, b) AS sqrt(list_sum(list_transform(range(1, len(longhaul_vectors(a, b, 'EUCLIDEAN_DISTANCE')) + 1), lambda i: (a[i] - b[i]) * (a[i] - b[i]))));
CREATE OR REPLACE MACRO longhaul_cosine_distance(a, b) AS 1 - longhaul_product(longhaul_vectors(a, b, 'COSINE_DISTANCE'), b) / (longhaul_norm(a, 'COSINE_DISTANCE') * longhaul_norm(b, 'COSINE_DISTANCE'));
CREATE OR REPLACE MACRO longhaul_dimensions(a, b, what) AS CASE
  WHEN len(list_distinct(list_transform(a, lambda e: e.d))) < len(a) OR len(list_distinct(list_transform(b, lambda e: e.d))) < len(b) THEN error(what || ': a dimension is NULL or there twice')
  ELSE list_distinct(list_transform(a || b, lambda e: e.d)) END;
CREATE OR REPLACE MACRO longhaul_in_dimensions(a, dimensions) AS list_transform(dimensions, lambda k: coalesce(list_filter(a, lambda e: e.d = k)[1].v, 0e0));
-- Variances: the squares of huge numbers are no DOUBLE, those of moderate ones are.
CREATE OR REPLACE MACRO longhaul_is_huge(x) AS typeof(x) IN ('DOUBLE', 'FLOAT') AND x IS NOT NULL AND abs(TRY_CAST(x AS DOUBLE)) > 1e150;
CREATE OR REPLACE MACRO longhaul_moderate(x) AS CASE WHEN longhaul_is_huge(x) THEN NULL ELSE x END;
CREATE OR REPLACE MACRO longhaul_scaled(x) AS CASE WHEN longhaul_not_finite(x) THEN NULL ELSE TRY_CAST(x AS DOUBLE) * pow(2e0, -600) END;
CREATE OR REPLACE MACRO longhaul_unscaled(x) AS x * pow(2e0, 600);
CREATE OR REPLACE MACRO longhaul_unscaled_square(x) AS x * pow(2e0, 600) * pow(2e0, 600);
CREATE OR REPLACE MACRO longhaul_real(y, x, what) AS CASE WHEN isfinite(x) AND NOT isfinite(y) THEN error(what || ': the result is out of range') ELSE y END;
CREATE OR REPLACE MACRO longhaul_exp(x) AS longhaul_real(exp(x), x, 'EXP');
CREATE OR REPLACE MACRO longhaul_ln(x) AS CASE WHEN isnan(x) OR x = '-inf'::DOUBLE THEN 'nan'::DOUBLE WHEN x <= 0 THEN error('LN: the argument must be positive') ELSE ln(x) END;
CREATE OR REPLACE MACRO longhaul_log10(x) AS CASE WHEN isnan(x) OR x = '-inf'::DOUBLE THEN 'nan'::DOUBLE WHEN x <= 0 THEN error('LOG10: the argument must be positive') ELSE log10(x) END;
-- NULL before any error of the other argument.
CREATE OR REPLACE MACRO longhaul_log(x, b) AS CASE WHEN x IS NULL OR b IS NULL THEN NULL
  WHEN isnan(x) OR isnan(b) OR x = '-inf'::DOUBLE OR isinf(b) THEN 'nan'::DOUBLE
  WHEN b <= 0 OR b = 1 THEN error('LOG: the base must be positive, and not 1') WHEN x <= 0 THEN error('LOG: the argument must be positive')
  ELSE ln(x) / ln(b) END;
CREATE OR REPLACE MACRO longhaul_pow(x, y) AS CASE WHEN isfinite(x) AND isfinite(y) THEN longhaul_real(pow(x, y), 0e0, 'POW') ELSE pow(x, y) END;
CREATE OR REPLACE MACRO longhaul_sqrt(x) AS CASE WHEN x < 0 THEN error('SQRT: the argument must not be negative') ELSE sqrt(x) END;
-- Of infinite angles these are NaN; DuckDB raises an error.
CREATE OR REPLACE MACRO longhaul_sin(x) AS CASE WHEN isinf(x) THEN 'nan'::DOUBLE ELSE sin(x) END;
CREATE OR REPLACE MACRO longhaul_cos(x) AS CASE WHEN isinf(x) THEN 'nan'::DOUBLE ELSE cos(x) END;
CREATE OR REPLACE MACRO longhaul_tan(x) AS CASE WHEN isinf(x) THEN 'nan'::DOUBLE ELSE tan(x) END;
CREATE OR REPLACE MACRO longhaul_asin(x) AS CASE WHEN isnan(x) OR isinf(x) THEN 'nan'::DOUBLE WHEN abs(x) > 1 THEN error('ASIN: the argument must be from -1 to 1') ELSE asin(x) END;
CREATE OR REPLACE MACRO longhaul_acos(x) AS CASE WHEN isnan(x) OR isinf(x) THEN 'nan'::DOUBLE WHEN abs(x) > 1 THEN error('ACOS: the argument must be from -1 to 1') ELSE acos(x) END;
CREATE OR REPLACE MACRO longhaul_acosh(x) AS CASE WHEN isnan(x) THEN x WHEN x = '-inf'::DOUBLE THEN 'nan'::DOUBLE WHEN x < 1 THEN error('ACOSH: the argument must be at least 1') ELSE acosh(x) END;
CREATE OR REPLACE MACRO longhaul_atanh(x) AS CASE WHEN isnan(x) THEN x WHEN isinf(x) THEN 'nan'::DOUBLE WHEN abs(x) >= 1 THEN error('ATANH: the argument must be between -1 and 1') ELSE atanh(x) END;
CREATE OR REPLACE MACRO longhaul_reciprocal(y, what) AS CASE WHEN y = 0 THEN error(what || ': the result is out of range') ELSE 1e0 / y END;
