SELECT t.id FROM {table} AS t WHERE t.mean_radius IS NULL OR t.mean_texture IS NULL OR t.mean_area IS NULL
