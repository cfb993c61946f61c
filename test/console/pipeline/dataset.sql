-- Sessions of eight candidates; which one was chosen depends on their features and a hash.
SELECT
  s AS session,
  ARRAY_AGG(STRUCT(
    i AS item,
    IF(i = MOD(s * 7, 8), 1, 0) AS label,
    MOD(s * 31 + i * 17, 97) / 97 AS noise,
    IF(i = MOD(s * 7, 8), 0.6, 0.4) + MOD(s * 13 + i * 29, 89) / 178 AS signal
  ) ORDER BY i) AS candidates
FROM UNNEST(GENERATE_ARRAY(@first, @last)) AS s
CROSS JOIN UNNEST(GENERATE_ARRAY(0, 7)) AS i
GROUP BY s
