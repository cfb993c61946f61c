"""Several processes that train one model together: who is which rank, and how they agree on a place to stop at."""
