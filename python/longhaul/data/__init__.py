"""Parquet parts: found, fetched, checked, read ahead, decoded."""
