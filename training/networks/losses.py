"""The losses of the recommenders."""

import torch
from torch import Tensor


def softmax_loss(scores: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the weighted mean over queries of the mean cross entropy of their bought products.

    `scores` (B, C) over the whole catalogue; `rows` and `columns` (N,) name the bought pairs. A
    query's weight is the square root of its number of pairs: between equal weights of queries,
    which favour the repeats of small orders, and of pairs, which favour a few large customers. 0
    without pairs.

    >>> from math import log, sqrt
    >>> scores = torch.tensor([[log(1.0), log(1.0), log(2.0)]] * 2)  # shares 1/4, 1/4, 1/2
    >>> loss = softmax_loss(scores, torch.tensor([0, 0, 1]), torch.tensor([0, 2, 2]))
    >>> first, second = (log(4) + log(2)) / 2, log(2)
    >>> round(float(loss), 5) == round((sqrt(2) * first + second) / (sqrt(2) + 1), 5)
    True
    """
    bought = torch.bincount(rows, minlength=len(scores)).to(scores.dtype)
    surprise = torch.logsumexp(scores, dim=1)[rows] - scores[rows, columns]
    total = bought.sqrt().sum().clamp(min=1)  # at least 1 where there is a pair
    loss: Tensor = (surprise / bought.sqrt()[rows]).sum() / total
    return loss


def new_loss(scores: Tensor, history: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return `softmax_loss` over products not in each query's `history` (B, L; -1 where padded).

    It trains the order of products that the customer has not bought; in the loss over all products
    the repeats, which are easier, dominate.

    >>> from math import log
    >>> scores = torch.tensor([[9.0, log(1.0), log(3.0)]])
    >>> loss = new_loss(scores, torch.tensor([[0, -1]]), torch.tensor([0, 0]), torch.tensor([0, 2]))
    >>> round(float(loss), 5) == round(log(4 / 3), 5)
    True
    """
    owned = torch.zeros(len(scores), scores.shape[1] + 1, dtype=torch.bool, device=scores.device)
    owned[torch.arange(len(scores), device=scores.device).unsqueeze(1), history] = True
    owned = owned[:, :-1]  # drop the last column, which -1 marked
    new = ~owned[rows, columns]
    return softmax_loss(scores.masked_fill(owned, -torch.inf), rows[new], columns[new])
