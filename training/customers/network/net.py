"""The network: attention over the last orders, a trunk over activity, and heads for the targets."""

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from training.customers.network.sequence import TOKEN
from training.networks.standardise import Standardise

BINS: Final = 12
"""Parts of the horizon, equally long, each with a hazard of its own."""


class Heads(NamedTuple):
    """What the network says of B customers, without a level."""

    log_hazard: Tensor
    """(B, BINS) of the first order, per part of the horizon."""
    log_more: Tensor
    """(B,) the logarithm of the expected orders after the first, given one."""
    log_spend: Tensor
    """(B,) the mean of the logarithm of spend, given an order."""


class CustomerNet(nn.Module):
    """Activity (B, F) and the last orders (B, L, T), of which `exists` (B, L), to Heads."""

    def __init__(self, inputs: int, *, width: int, dropout: float) -> None:
        super().__init__()
        self.activity, self.tokens = Standardise(inputs), Standardise(len(TOKEN))
        self.order = nn.Sequential(
            nn.Linear(len(TOKEN), width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.attention = nn.Linear(width, 1)
        self.trunk = nn.Sequential(
            nn.Linear(inputs + width, 2 * width), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(2 * width, width), nn.ReLU(), nn.Dropout(dropout),
        )  # fmt: skip
        self.wide = nn.Linear(inputs, 3)
        self.heads = nn.Linear(width, BINS + 2)
        self.log_dispersion = nn.Parameter(torch.zeros(()))
        """Of the orders after the first: the negative binomial's size."""
        self.log_sigma = nn.Parameter(torch.zeros(()))
        """Of the logarithm of spend, given an order."""

    def forward(self, activity: Tensor, tokens: Tensor, exists: Tensor) -> Heads:
        """Return Heads; a customer without orders has an empty sequence."""
        x = self.activity(activity)
        orders = self.order(self.tokens(tokens))
        weight = torch.exp(self.attention(orders).squeeze(-1).clamp(-10, 10)) * exists
        pooled = (weight.unsqueeze(-1) * orders).sum(1)
        pooled = pooled / weight.sum(1, keepdim=True).clamp(min=1e-6)
        deep = self.heads(self.trunk(torch.cat([x, pooled], dim=1)))
        wide = self.wide(x)
        return Heads(
            log_hazard=deep[:, :BINS] + wide[:, :1],
            log_more=(deep[:, BINS] + wide[:, 1]).clamp(-10, 6),
            log_spend=deep[:, BINS + 1] + wide[:, 2],
        )
