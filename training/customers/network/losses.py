"""The likelihoods that the network learns from: time, number and value of the next orders."""

import math

import torch
from torch import Tensor


def hazard_loss(log_hazard: Tensor, waited: Tensor, came: Tensor) -> Tensor:
    """Return the mean negative log-likelihood of the first order's time.

    A piecewise constant hazard (Friedman, 1982): `log_hazard` (B, S) per part of the horizon;
    `waited` (B, S) the share of each part that the customer waited without an order; `came` (B, S)
    1 in the part in which it came.

    >>> half = torch.log(torch.tensor([[0.5]]))
    >>> stayed_away = hazard_loss(half, torch.tensor([[1.0]]), torch.tensor([[0.0]]))
    >>> round(float(torch.exp(-stayed_away)), 4) == round(math.exp(-0.5), 4)
    True
    """
    loss: Tensor = (torch.exp(log_hazard) * waited - came * log_hazard).sum(1).mean()
    return loss


def more_orders_loss(log_mean: Tensor, orders: Tensor, log_size: Tensor) -> Tensor:
    """Return the sum of the negative log-likelihoods of the orders after the first.

    A negative binomial with mean exp(`log_mean`) (N,) and size exp(`log_size`), for customers with
    `orders` (N,) of at least 1: a hurdle model (Mullahy, 1986).

    >>> size = torch.tensor(0.0)  # geometric: P(0) = 1 / (1 + mean)
    >>> nothing_more = more_orders_loss(torch.log(torch.tensor([3.0])), torch.tensor([1.0]), size)
    >>> round(float(torch.exp(-nothing_more)), 6)
    0.25
    """
    more, size = orders - 1, torch.exp(log_size)
    log_total = torch.logaddexp(log_mean, log_size)
    likelihood = (
        torch.lgamma(more + size) - torch.lgamma(size) - torch.lgamma(more + 1)
        + size * (log_size - log_total) + more * (log_mean - log_total)
    )  # fmt: skip
    return -likelihood.sum()


def spend_loss(mean_log: Tensor, log_spend: Tensor, log_sigma: Tensor) -> Tensor:
    """Return the sum of the negative log-likelihoods of spend, given an order.

    Lognormal: with the probability of no order, the zero-inflated one of Wang et al. (2019). The
    constant of `log_spend` is left out.
    """
    z = (log_spend - mean_log) * torch.exp(-log_sigma)
    return (z**2 / 2 + log_sigma + math.log(2 * math.pi) / 2).sum()
