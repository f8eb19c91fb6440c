"""The network of the two-tower recommender: its inputs, its towers, and their dot product.

B queries, C candidates, D embedding, F inputs, H heads, L history, T tokens.
"""

import math
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.networks.standardise import Standardise

SPREAD = 0.05  # standard deviation of initial embeddings
TowerPart = Literal["id", "title", "inputs", "demand", "activity", "decay", "repeats", "magnitude"]
"""Parts that an ablation can leave out of the network.

Products: id, title, current inputs (without them demand is equal for all), demand. Customers:
inputs, decay of purchases, repeat path. Magnitude: without it the towers' product is a cosine.
"""
_FIXED: Final[dict[TowerPart, tuple[float, tuple[str, ...]]]] = {
    "id": (0.0, ("candidate.id.weight",)),
    "title": (0.0, ("candidate.title.weight",)),
    "inputs": (math.inf, ("candidate.standardise.scale",)),
    "demand": (0.0, ("candidate.demand.2.weight",)),
    "activity": (math.inf, ("query.standardise.scale",)),
    "decay": (-math.inf, ("query.log_rate", "repeat.log_rate")),
    "repeats": (0.0, ("repeat.weight",)),
    "magnitude": (0.0, ()),  # the network has an argument for it
}
"""The value at which a part has no effect, and the tensors that are fixed at it."""


class Catalogue(NamedTuple):
    """C products at one time."""

    inputs: Tensor  # (C, F)
    rows: Tensor  # (C,) in the id vocabulary, 0 where unknown
    tokens: Tensor  # (T,) in the token vocabulary, product after product
    starts: Tensor  # (C,) where each product's tokens begin

    def take(self, places: Tensor) -> "Catalogue":
        """Return only the products at `places` (S,)."""
        ends = torch.cat([self.starts[1:], self.starts.new_tensor([len(self.tokens)])])
        lengths = (ends - self.starts)[places]
        starts = lengths.cumsum(0) - lengths
        shift = (self.starts[places] - starts).repeat_interleave(lengths)
        tokens = self.tokens[torch.arange(len(shift)) + shift]
        return Catalogue(self.inputs[places], self.rows[places], tokens, starts)


class Visitors(NamedTuple):
    """B customers at one time."""

    activity: Tensor  # (B, F)
    history: Tensor  # (B, L) candidates, newest first, -1 where padded
    days: Tensor  # (B, L) since the purchase


class Candidates(NamedTuple):
    """The candidate tower's output for a catalogue."""

    lasting: Tensor  # (C, D) id and title; embeds a history
    current: Tensor  # (C, D) the same with current inputs
    demand: Tensor  # (C,) the score that a product has for every customer


class CandidateTower(nn.Module):
    """Embeds products by id, title and inputs; an unknown id leaves title and inputs."""

    def __init__(
        self, ids: int, tokens: int, inputs: int, *, dim: int, hidden: int, dropout: float
    ) -> None:
        super().__init__()
        self.id = nn.Embedding(ids, dim)
        self.title = nn.EmbeddingBag(tokens, dim, mode="mean")
        for table in (self.id, self.title):
            nn.init.normal_(table.weight, std=SPREAD)
        self.standardise = Standardise(inputs)
        self.content = nn.Sequential(
            nn.Linear(inputs + dim, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, dim)
        )
        self.demand = nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, 1))

    def forward(self, catalogue: Catalogue, *, id_dropout: float = 0.0) -> Candidates:
        """Return the candidates; a share `id_dropout` of the ids is treated as unknown."""
        rows = catalogue.rows
        if id_dropout > 0:
            rows = rows * (torch.rand(len(rows), device=rows.device) >= id_dropout)
        title = self.title(catalogue.tokens, catalogue.starts)
        lasting = self.id(rows) + title
        inputs = self.standardise(catalogue.inputs)
        current = lasting + self.content(torch.cat([inputs, title], dim=1))
        return Candidates(lasting, current, self.demand(inputs).squeeze(1))


class QueryTower(nn.Module):
    """Embeds customers by inputs and the mean of their purchases, for each learned decay."""

    def __init__(
        self, inputs: int, *, dim: int, hidden: int, dropout: float, half_lives: tuple[float, ...]
    ) -> None:
        super().__init__()
        heads = len(half_lives)
        self.log_rate = nn.Parameter(torch.log(math.log(2) / torch.tensor(half_lives)))
        self.share = nn.Parameter(torch.full((heads,), 1 / heads))
        self.standardise = Standardise(inputs)
        self.mix = nn.Sequential(
            nn.Linear(heads * (dim + 1) + inputs, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, dim),
        )

    def mix_layers(self) -> list[nn.Linear]:
        """Return the linear layers of `mix`, first to last."""
        return [layer for layer in self.mix if isinstance(layer, nn.Linear)]

    def forward(self, visitors: Visitors, lasting: Tensor) -> Tensor:
        """Return the queries (B, D), given the products' lasting embeddings (C, D)."""
        weights = _decay(visitors, self.log_rate)  # (B, L, H)
        bought = functional.embedding(visitors.history.clamp(min=0), lasting)
        total = weights.sum(1)
        # The 1 in the mean shrinks short and old histories: magnitude grows with known purchases.
        means = torch.einsum("blh,bld->bhd", weights, bought) / (total + 1).unsqueeze(2)
        known = [means.flatten(1), torch.log1p(total), self.standardise(visitors.activity)]
        mixed: Tensor = self.mix(torch.cat(known, dim=1))
        return mixed + torch.einsum("bhd,h->bd", means, self.share)


class RepeatPath(nn.Module):
    """Adds to a product's score for the customer's purchases of it.

    It adds one sparse dimension per product to the D dense ones: the candidate has 1 at its id, the
    query a concave function of its decayed purchases of that product. Dense embeddings alone do not
    separate the products that a customer bought from similar ones.
    """

    def __init__(self, half_lives: tuple[float, ...]) -> None:
        super().__init__()
        self.log_rate = nn.Parameter(torch.log(math.log(2) / torch.tensor(half_lives)))
        self.weight = nn.Parameter(torch.full((len(half_lives),), 0.5))

    def forward(self, visitors: Visitors, scores: Tensor) -> Tensor:
        """Return `scores` (B, C) plus the terms of repeat purchases."""
        bought = visitors.history >= 0
        row, slot = bought.nonzero(as_tuple=True)  # (N,) purchases
        cell = row * scores.shape[1] + visitors.history[row, slot]
        cells, group = torch.unique(cell, return_inverse=True)
        left = _decay(visitors, self.log_rate)[row, slot]  # (N, H)
        counts = left.new_zeros(len(cells), left.shape[1]).index_add(0, group, left)
        added = torch.log1p(4 * counts) @ self.weight
        return scores.flatten().index_add(0, cells, added).view_as(scores)


class TwoTowerNet(nn.Module):
    """Scores (B, C): the towers' dot product, the repeat path, and demand."""

    def __init__(
        self,
        candidate: CandidateTower,
        query: QueryTower,
        repeat: RepeatPath,
        *,
        cosine: bool = False,
    ) -> None:
        super().__init__()
        self.candidate, self.query, self.repeat = candidate, query, repeat
        self.cosine = cosine
        log_deviation = math.log(candidate.id.embedding_dim) / 2  # of random dot products
        self.log_temperature = nn.Parameter(
            torch.tensor(-log_deviation if cosine else log_deviation)
        )

    def leave_out(self, parts: Iterable[TowerPart]) -> None:
        """Fix each of `parts` at the value at which it has no effect."""
        tensors = dict([*self.named_parameters(), *self.named_buffers()])
        for part in parts:
            value, names = _FIXED[part]
            for name in names:
                tensors[name].requires_grad_(False).fill_(value)

    def forward(self, visitors: Visitors, candidates: Candidates) -> Tensor:
        """Return the scores of `candidates` for `visitors`, whose histories index them."""
        query, current = self.query(visitors, candidates.lasting), candidates.current
        if self.cosine:
            query, current = functional.normalize(query), functional.normalize(current)
        scores = query @ current.T / self.log_temperature.exp() + candidates.demand
        total: Tensor = self.repeat(visitors, scores)
        return total


def _decay(visitors: Visitors, log_rate: Tensor) -> Tensor:
    """Return the decayed weight of each purchase (B, L, H): exp(-rate * days), 0 where padded."""
    left = torch.exp(-log_rate.exp() * visitors.days.unsqueeze(2))
    return left * (visitors.history >= 0).unsqueeze(2)
