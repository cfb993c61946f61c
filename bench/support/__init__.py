"""What the Python benches share."""
