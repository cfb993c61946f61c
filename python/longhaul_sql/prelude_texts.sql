-- Functions that GoogleSQL has for STRING and for BYTES: DuckDB chooses by the type. Of bytes the algorithm is that of texts, on Latin-1.

CREATE OR REPLACE MACRO longhaul_length(s VARCHAR) AS length(s), (s BLOB) AS octet_length(s);
CREATE OR REPLACE MACRO longhaul_byte_length(s VARCHAR) AS octet_length(encode(s)), (s BLOB) AS octet_length(s);
CREATE OR REPLACE MACRO longhaul_lower(s VARCHAR) AS lower(s),
  (s BLOB) AS longhaul_bytes(translate(longhaul_latin1(s), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz'));
CREATE OR REPLACE MACRO longhaul_upper(s VARCHAR) AS upper(s),
  (s BLOB) AS longhaul_bytes(translate(longhaul_latin1(s), 'abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'));
CREATE OR REPLACE MACRO longhaul_starts_with(s VARCHAR, p VARCHAR) AS starts_with(s, p), (s BLOB, p BLOB) AS starts_with(longhaul_latin1(s), longhaul_latin1(p));
CREATE OR REPLACE MACRO longhaul_ends_with(s VARCHAR, p VARCHAR) AS suffix(s, p), (s BLOB, p BLOB) AS suffix(longhaul_latin1(s), longhaul_latin1(p));
CREATE OR REPLACE MACRO longhaul_strpos(s VARCHAR, p VARCHAR) AS strpos(s, p), (s BLOB, p BLOB) AS strpos(longhaul_latin1(s), longhaul_latin1(p));
CREATE OR REPLACE MACRO longhaul_replace(s VARCHAR, a VARCHAR, b VARCHAR) AS replace(s, a, b),
  (s BLOB, a BLOB, b BLOB) AS longhaul_bytes(replace(longhaul_latin1(s), longhaul_latin1(a), longhaul_latin1(b)));
-- DuckDB's functions take positions and lengths of 32 bits.
CREATE OR REPLACE MACRO longhaul_short(n) AS CAST(CASE WHEN n > 2147483647 THEN 2147483647 WHEN n < -2147483647 THEN -2147483647 ELSE n END AS BIGINT);
CREATE OR REPLACE MACRO longhaul_sub(s VARCHAR, p BIGINT) AS CASE WHEN p < 0 OR p IS NULL OR p <= 2147483647 THEN substr(s, longhaul_short(longhaul_from(s, p))) ELSE '' END,
  (s BLOB, p BIGINT) AS longhaul_bytes(CASE WHEN p < 0 OR p IS NULL OR p <= 2147483647 THEN substr(longhaul_latin1(s), longhaul_short(longhaul_from(longhaul_latin1(s), p))) ELSE '' END),
  (s VARCHAR, p BIGINT, n BIGINT) AS longhaul_substr(s, longhaul_short(p), longhaul_short(n)),
  (s BLOB, p BIGINT, n BIGINT) AS longhaul_bytes(longhaul_substr(longhaul_latin1(s), longhaul_short(p), longhaul_short(n)));
CREATE OR REPLACE MACRO longhaul_left(s VARCHAR, n BIGINT) AS CASE WHEN s IS NULL THEN NULL ELSE "left"(s, longhaul_short(longhaul_count(n, 'LEFT'))) END,
  (s BLOB, n BIGINT) AS longhaul_bytes(CASE WHEN s IS NULL THEN NULL ELSE "left"(longhaul_latin1(s), longhaul_short(longhaul_count(n, 'LEFT'))) END);
CREATE OR REPLACE MACRO longhaul_right(s VARCHAR, n BIGINT) AS CASE WHEN s IS NULL THEN NULL ELSE "right"(s, longhaul_short(longhaul_count(n, 'RIGHT'))) END,
  (s BLOB, n BIGINT) AS longhaul_bytes(CASE WHEN s IS NULL THEN NULL ELSE "right"(longhaul_latin1(s), longhaul_short(longhaul_count(n, 'RIGHT'))) END);
CREATE OR REPLACE MACRO longhaul_repetitions(size, n) AS CASE WHEN n < 0 THEN error('REPEAT: the number is negative')
  WHEN size > 0 AND n > 1048576 // size THEN error('REPEAT: the result is longer than 1048576 bytes') ELSE longhaul_short(n) END;
CREATE OR REPLACE MACRO longhaul_repeat(s VARCHAR, n BIGINT) AS repeat(s, longhaul_repetitions(octet_length(encode(s)), n)),
  (s BLOB, n BIGINT) AS repeat(s, longhaul_repetitions(octet_length(s), n));
CREATE OR REPLACE MACRO longhaul_concat(a VARCHAR, b VARCHAR) AS a || b, (a BLOB, b BLOB) AS a || b;
CREATE OR REPLACE MACRO longhaul_regexp_contains(s VARCHAR, p VARCHAR) AS regexp_matches(s, p),
  (s BLOB, p BLOB) AS regexp_matches(longhaul_latin1(s), longhaul_latin1(p));
CREATE OR REPLACE MACRO longhaul_regexp_replace(s VARCHAR, p VARCHAR, r VARCHAR) AS regexp_replace(s, p, CASE WHEN contains(r, '\') THEN longhaul_rewrite(r, p) ELSE r END, 'g'),
  (s BLOB, p BLOB, r BLOB) AS longhaul_bytes(regexp_replace(longhaul_latin1(s), longhaul_latin1(p), CASE WHEN contains(longhaul_latin1(r), '\') THEN longhaul_latin1(longhaul_rewrite(r, p)) ELSE longhaul_latin1(r) END, 'g'));
CREATE OR REPLACE MACRO longhaul_ascii(s VARCHAR) AS CASE WHEN s = '' THEN 0 WHEN unicode(s) > 127 THEN error('ASCII: the first character is no ASCII character') ELSE CAST(unicode(s) AS BIGINT) END,
  (s BLOB) AS CASE WHEN octet_length(s) = 0 THEN 0 ELSE CAST(unicode(longhaul_latin1(s)) AS BIGINT) END;
CREATE OR REPLACE MACRO longhaul_unicode(s VARCHAR) AS CASE WHEN s = '' THEN 0 ELSE CAST(unicode(s) AS BIGINT) END;
CREATE OR REPLACE MACRO longhaul_trim_space(s VARCHAR) AS trim(s, longhaul_space());
CREATE OR REPLACE MACRO longhaul_ltrim_space(s VARCHAR) AS ltrim(s, longhaul_space());
CREATE OR REPLACE MACRO longhaul_rtrim_space(s VARCHAR) AS rtrim(s, longhaul_space());
CREATE OR REPLACE MACRO longhaul_md5(s VARCHAR) AS unhex(md5(s)), (s BLOB) AS unhex(md5(s));
CREATE OR REPLACE MACRO longhaul_sha1(s VARCHAR) AS unhex(sha1(s)), (s BLOB) AS unhex(sha1(s));
CREATE OR REPLACE MACRO longhaul_sha256(s VARCHAR) AS unhex(sha256(s)), (s BLOB) AS unhex(sha256(s));
CREATE OR REPLACE MACRO longhaul_like(s VARCHAR, p VARCHAR) AS s LIKE p ESCAPE '\', (s BLOB, p BLOB) AS longhaul_latin1(s) LIKE longhaul_latin1(p) ESCAPE '\';
CREATE OR REPLACE MACRO longhaul_bit_count(x BIGINT) AS CAST(bit_count(x) AS BIGINT), (x BLOB) AS CAST(coalesce(bit_count(CAST(x AS BIT)), 0) AS BIGINT);
CREATE OR REPLACE MACRO longhaul_to_bytes(x VARCHAR) AS encode(x), (x BLOB) AS x;
CREATE OR REPLACE MACRO longhaul_as_bytes(x VARCHAR) AS encode(x), (x BLOB) AS x;
CREATE OR REPLACE MACRO longhaul_as_string(x VARCHAR) AS x, (x BLOB) AS longhaul_text_of(x), (x BIGINT) AS CAST(x AS VARCHAR), (x DOUBLE) AS longhaul_string(x),
  (x BOOLEAN) AS CAST(x AS VARCHAR), (x DATE) AS longhaul_string(x), (x TIME) AS longhaul_string(x), (x TIMESTAMP) AS longhaul_string(x), (x TIMESTAMPTZ) AS longhaul_string(x);
CREATE OR REPLACE MACRO longhaul_part_of_text(x VARCHAR) AS x, (x BLOB) AS x, (x BIGINT) AS CAST(x AS VARCHAR), (x DOUBLE) AS longhaul_string(x),
  (x BOOLEAN) AS CAST(x AS VARCHAR), (x DATE) AS longhaul_string(x), (x TIME) AS longhaul_string(x), (x TIMESTAMP) AS longhaul_string(x), (x TIMESTAMPTZ) AS longhaul_string(x);
-- Of no pattern none matches, and all do.
CREATE OR REPLACE MACRO longhaul_texts_all(x, patterns) AS CASE WHEN patterns IS NULL OR len(patterns) = 0 THEN TRUE
  WHEN list_contains(list_transform(patterns, lambda p: x LIKE p ESCAPE '\'), FALSE) THEN FALSE
  WHEN x IS NULL OR len(patterns) > list_count(patterns) THEN NULL ELSE TRUE END;
CREATE OR REPLACE MACRO longhaul_texts_any(x, patterns) AS CASE WHEN patterns IS NULL OR len(patterns) = 0 THEN FALSE
  WHEN list_contains(list_transform(patterns, lambda p: x LIKE p ESCAPE '\'), TRUE) THEN TRUE
  WHEN x IS NULL OR len(patterns) > list_count(patterns) THEN NULL ELSE FALSE END;
CREATE OR REPLACE MACRO longhaul_like_all(x VARCHAR, patterns VARCHAR[]) AS longhaul_texts_all(x, patterns),
  (x BLOB, patterns BLOB[]) AS longhaul_texts_all(longhaul_latin1(x), list_transform(patterns, lambda p: longhaul_latin1(p)));
CREATE OR REPLACE MACRO longhaul_like_any(x VARCHAR, patterns VARCHAR[]) AS longhaul_texts_any(x, patterns),
  (x BLOB, patterns BLOB[]) AS longhaul_texts_any(longhaul_latin1(x), list_transform(patterns, lambda p: longhaul_latin1(p)));
