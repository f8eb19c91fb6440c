"""Adapters: one a file, each `load(...) -> RetailDataset`, validated or refused."""
