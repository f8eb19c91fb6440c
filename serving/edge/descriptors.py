"""File descriptors: a connection takes one, and so does every store."""

import resource
from typing import Final

MOST_CONNECTIONS: Final = 2048
"""Connections of a worker, where descriptors allow it; each takes up to 100 KiB."""
RESERVED: Final = 256
"""Descriptors for files, stores and subprocesses."""


def raise_limit() -> None:
    """Raise this process's limit of descriptors as far as the system allows, as PostgreSQL does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = RESERVED + MOST_CONNECTIONS
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def most_connections() -> int:
    """Return how many connections fit below this process's limit of descriptors."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(1, min(MOST_CONNECTIONS, max(soft - RESERVED, soft // 2)))
