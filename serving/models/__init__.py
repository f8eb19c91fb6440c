"""Load model versions, try them, and swap them while requests run."""
