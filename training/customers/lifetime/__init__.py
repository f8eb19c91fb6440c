"""Probability models of a customer base: when customers order, how much, and when they stop."""
