"""Longhaul's reference trainer: learning to rank with exact resume (docs/trial-contract.md)."""

__version__ = "0.2.0"
