"""A version becomes the champion on evidence: what it leads, and what speaks against it."""
