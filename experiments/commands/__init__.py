"""Commands of `python -m experiments` that need a page of their own."""
