"""Without keys: which requests come from this machine, and from no other site's page there.

The local address of a connection is the measure: no header changes it. Host and Origin name that
address and port, so that no foreign name that resolves to it (DNS rebinding) is answered. A proxy
on this machine connects from here too: one that tells of itself is refused, by its headers or by
HTTP/1.0, which nginx spoke to upstreams by default. One that hides cannot be told from a program
here. So a service without keys has to be asked for.
"""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final

_FORWARDED: Final = frozenset(
    {
        *(b"forwarded", b"via", b"x-forwarded", b"x-forwarded-by", b"x-forwarded-for"),
        *(b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-prefix", b"x-forwarded-proto"),
        *(b"x-forwarded-scheme", b"x-forwarded-server", b"x-forwarded-ssl", b"x-forwarded-uri"),
        *(b"x-original-forwarded-for", b"x-original-host", b"x-original-uri", b"x-real-ip"),
        *(b"x-client-ip", b"x-cluster-client-ip", b"true-client-ip", b"cdn-loop"),
        *(b"cf-connecting-ip", b"cf-ray", b"fastly-client-ip", b"x-azure-clientip"),
        *(b"x-envoy-external-address", b"x-envoy-internal", b"x-amzn-trace-id"),
    }
)
"""Fields that proxies add."""
_JUDGED: Final = _FORWARDED | {b"host", b"origin", b"sec-fetch-site"}
_OWN_PAGES: Final = (b"same-origin", b"none")


def comes_from_here(connection: Mapping[str, Any]) -> bool:
    """Return whether the ASGI scope `connection` comes from this machine."""
    server = connection.get("server")
    if server is None or not is_loopback(server[0]) or connection.get("http_version") == "1.0":
        return False
    own = _own_hosts(server[0], server[1])
    hosts = 0
    for name, value in connection["headers"]:
        if name not in _JUDGED:
            continue
        if name == b"host":
            hosts += 1
            if value.lower() not in own:
                return False
        elif name == b"origin":
            if not value.startswith(b"http://") or value[7:].lower() not in own:
                return False
        elif name in _FORWARDED or value not in _OWN_PAGES:
            return False
    return hosts == 1


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Return whether `host`, an IP address, reaches only this machine; False for a path.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::ffff:127.0.0.1", "10.0.0.5", "/run/socket")]
    [True, True, False, False]
    """
    try:
        ip = ip_address(host)
    except ValueError:  # a Unix socket's path
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_loopback


@lru_cache(maxsize=64)
def _own_hosts(address: str, port: int) -> frozenset[bytes]:
    """Return what Host may be on a connection to `address` and `port`."""
    names = {"localhost", "127.0.0.1", "[::1]", f"[{address}]" if ":" in address else address}
    ends = [f":{port}", ""] if port == 80 else [f":{port}"]
    return frozenset(f"{name}{end}".encode() for name in names for end in ends)
