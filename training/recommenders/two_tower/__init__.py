"""The two-tower: its networks, what they learn from, and their scores on plain arrays."""
