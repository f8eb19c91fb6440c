"""The baseline: a FastAPI endpoint that returns a fixed list of ten items."""

from fastapi import FastAPI
from pydantic import BaseModel


class Ask(BaseModel):
    """A body with the shape of our requests."""

    customer_id: str


class Item(BaseModel):
    """A product at its position."""

    product_id: str
    position: int
    score: float
    source: str
    propensity: float


class Answer(BaseModel):
    """A list of ten items."""

    request_id: str
    recommendation_id: str
    items: list[Item]


API = FastAPI()
_ITEMS = [
    Item(product_id=f"P{n:05d}", position=n, score=1 / n, source="canned", propensity=1.0)
    for n in range(1, 11)
]


@API.post("/v1/recommendations", response_model=Answer)
async def recommend(ask: Ask) -> Answer:
    """Return the fixed list."""
    return Answer(request_id=ask.customer_id, recommendation_id="canned", items=_ITEMS)
