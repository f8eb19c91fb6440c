"""The Python client: `from serving.client import Client`."""

from serving.client.client import AsyncClient, Client
from serving.client.endpoints import ProblemError

__all__ = ["AsyncClient", "Client", "ProblemError"]
