"""From parts in an object store to batches in memory."""
