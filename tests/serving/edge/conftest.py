"""A server for the tests of one module."""

from collections.abc import Iterator

import pytest

from tests.serving.edge.raw import Running, running


@pytest.fixture(scope="module")
def echo() -> Iterator[Running]:
    with running() as server:
        yield server
