-- The split is a hash of the case: whoever adds cases later moves none of these.
SELECT
  r.*,
  CASE WHEN r.mean_radius < 12 THEN 'small' WHEN r.mean_radius < 15 THEN 'medium' ELSE 'large' END AS size,
  IF(MOD(ABS(FARM_FINGERPRINT(CAST(r.id AS STRING))), 1000) < @test_share * 1000, 'test', 'train') AS split
FROM {raw} AS r
