"""Which products are bought together, in one order or one after the other: counts, no model."""
