"""The online store: Feast's registry, the rows that serving reads, their update by events."""
