"""What an answer costs, beside a bare FastAPI endpoint in the same run: `make bench-serving`."""
