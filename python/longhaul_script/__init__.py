"""Runs a script step: a Python or shell file with declared requirements (docs/pipeline.md)."""
