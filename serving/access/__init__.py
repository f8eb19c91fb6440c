"""Keys, callers and limits."""
