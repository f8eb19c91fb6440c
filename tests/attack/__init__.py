"""Attacks on real servers in processes of their own: `python -m tests.attack`, `make attack`."""
