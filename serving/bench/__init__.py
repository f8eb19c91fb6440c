"""Benchmark of serving against a bare FastAPI endpoint in the same run: `make bench-serving`."""
