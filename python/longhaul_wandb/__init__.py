"""Tells Weights & Biases what the ledger says of a run (`src/adapters/wandb`); `wandb` is only needed where a profile asks for it."""
