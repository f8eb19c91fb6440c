"""Measurements against a published split, a simulated shop's truth, and by size."""
