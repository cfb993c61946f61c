"""What makes a trial survive its machine: checkpoints, numbered progress, work behind the loop."""
