"""What the recommender's training minimises."""

import torch
from torch import Tensor


def softmax_loss(scores: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the mean over queries of the mean cross entropy of their bought products.

    `scores` (B, C) over the whole catalogue; `rows` and `columns` (N,) name the bought pairs. Each
    query weighs the same however much it bought; a query without any counts 0.

    >>> from math import log
    >>> scores = torch.tensor([[log(1.0), log(1.0), log(2.0)]])  # shares 1/4, 1/4, 1/2
    >>> loss = softmax_loss(scores, torch.tensor([0, 0]), torch.tensor([0, 2]))
    >>> round(float(loss), 6) == round((log(4) + log(2)) / 2, 6)
    True
    """
    bought = torch.bincount(rows, minlength=len(scores))
    surprise = torch.logsumexp(scores, dim=1)[rows] - scores[rows, columns]
    return (surprise / bought[rows]).sum() / max(len(scores), 1)
