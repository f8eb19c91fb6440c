"""A fixture for the tests of several packages."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def bench_data() -> Path:
    """The folder of benchmark data; tests that need it skip without it."""
    folder = os.environ.get("REGULARS_BENCH_DATA")
    if not folder:
        pytest.skip("REGULARS_BENCH_DATA is not set: the benchmark data are not here")
    return Path(folder)
