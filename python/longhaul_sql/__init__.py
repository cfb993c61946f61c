"""GoogleSQL for DuckDB: translates what is known to give the same rows and refuses the rest."""

from longhaul_sql.errors import Refusal
from longhaul_sql.translate import Statement, Translation, translate

RULES_VERSION = "7"
"""Part of cache keys: raise it with every change that can change the rows of a statement."""

__all__ = ["RULES_VERSION", "Refusal", "Statement", "Translation", "translate"]
