"""Adapters, one per file: each `load(...) -> RetailDataset` validates its data or raises."""
