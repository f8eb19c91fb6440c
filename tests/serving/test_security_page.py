"""The page of promises has the numbers of the code, and the proxies keep within them."""

import re
from typing import Any

import pytest
import yaml

from serving.access.limits import Limits
from serving.api.bodies import LARGEST_BODY
from serving.edge.connections import HEAD_S
from serving.edge.descriptors import MOST_CONNECTIONS
from serving.edge.heads import HEAD_BYTES, MOST_FIELDS, TARGET_BYTES
from tests.pages import ROOT, text_of

PAGE = text_of("serving/SECURITY.md")
ENVOY = yaml.safe_load((ROOT / "serving/deploy/envoy.yaml").read_text(encoding="utf-8"))
MANAGER = "envoy.filters.network.http_connection_manager"


@pytest.mark.parametrize(
    "row",
    [
        f"| a head | {HEAD_BYTES // 1024} KiB and {MOST_FIELDS} fields | 431 |",
        f"| its target | {TARGET_BYTES // 1024} KiB | 414 |",
        f"| its time, from the connection or the last answer | {HEAD_S:g} s | 408 |",
        f"| a body of JSON | {LARGEST_BODY // 2**20} MiB | 413 |",
        f"| the time of a body | {Limits().body_s:g} s | 408 |",
        f"| connections of a worker | {MOST_CONNECTIONS:,}, fewer",
    ],
)
def test_the_page_has_the_bounds_of_the_code(row: str) -> None:
    assert row in PAGE


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


@pytest.fixture
def manager() -> Any:
    """What Envoy does with the connections of clients."""
    (listener,) = ENVOY["static_resources"]["listeners"]
    (chain,) = listener["filter_chains"]
    tls = chain["transport_socket"]["typed_config"]["common_tls_context"]
    assert tls["tls_params"]["tls_minimum_protocol_version"] == "TLSv1_2"
    (found,) = chain["filters"]
    assert found["name"] == MANAGER
    return found["typed_config"]


def test_envoy_bounds_what_comes_in(manager: Any) -> None:
    assert manager["max_request_headers_kb"] * 1024 < HEAD_BYTES
    common = manager["common_http_protocol_options"]
    assert common["max_headers_count"] < MOST_FIELDS  # Envoy adds some
    assert common["headers_with_underscores_action"] == "REJECT_REQUEST"
    assert seconds(manager["request_headers_timeout"]) <= HEAD_S
    assert seconds(manager["request_timeout"]) <= HEAD_S + Limits().body_s
    buffer, router = manager["http_filters"]
    assert buffer["typed_config"]["max_request_bytes"] == LARGEST_BODY
    assert router["name"] == "envoy.filters.http.router"  # the last one
    assert manager["http_protocol_options"] == {"enable_trailers": False}
    assert not manager["normalize_path"]
    assert not manager["merge_slashes"]


def test_envoy_passes_the_api_alone(manager: Any) -> None:
    (host,) = manager["route_config"]["virtual_hosts"]
    assert "*" not in host["domains"]
    (route,) = host["routes"]
    assert route["match"] == {"prefix": "/v1/"}
    longest = Limits().body_s + Limits().answer_s
    assert seconds(route["route"]["timeout"]) > longest
    assert seconds(manager["stream_idle_timeout"]) > longest
    (cluster,) = ENVOY["static_resources"]["clusters"]
    assert cluster["name"] == route["route"]["cluster"]
    (protocol,) = cluster["typed_extension_protocol_options"].values()
    assert seconds(protocol["common_http_protocol_options"]["idle_timeout"]) < HEAD_S
    assert protocol["explicit_http_config"] == {"http_protocol_options": {}}
    (threshold,) = cluster["circuit_breakers"]["thresholds"]
    assert threshold["max_connections"] <= MOST_CONNECTIONS


def test_every_type_of_envoy_is_named_whole() -> None:
    named = re.findall(r'"@type": (\S+)', (ROOT / "serving/deploy/envoy.yaml").read_text())
    assert len(named) == 7
    for name in named:
        assert re.fullmatch(r"type\.googleapis\.com/envoy\.[a-z0-9_.]+\.v3\.[A-Z]\w+", name)
