"""Load versions, try them, swap them while requests run."""
