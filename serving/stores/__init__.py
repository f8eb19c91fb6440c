"""Durable writes: group commit, idempotency."""
