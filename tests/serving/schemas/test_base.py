"""Ids on the wire: what a file's ids cannot hold, the API refuses too."""

import msgspec
import pytest

from serving.problems import field_error
from serving.schemas.recommendations import RecommendationRequest


@pytest.mark.parametrize("customer_id", ["a/b", "日本", "a b", "0", "x" * 128])
def test_an_id_is_opaque(customer_id: str) -> None:
    assert msgspec.convert({"customer_id": customer_id}, RecommendationRequest)


@pytest.mark.parametrize("customer_id", [" a/b", "a/b ", "a/b\u00a0", "\u3000日本", "a\n", "a\x07"])
def test_an_id_with_outer_white_space_is_refused_in_words(customer_id: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert({"customer_id": customer_id}, RecommendationRequest)
    error = field_error(refused.value)
    assert error.pointer == "/customer_id"
    assert error.detail == (
        "Expected 1-128 characters without control characters, and no white space at its ends"
    )
