"""What of a training is kept so that a part of it can be repeated, and repeating it (docs/audit.md)."""
