"""`longhaul trial check`: takes a trainer through the trial contract (docs/trial-contract.md)."""
