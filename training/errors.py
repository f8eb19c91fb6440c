"""Errors that keep a model from being trained or read; each message says what to do."""

from configs.errors import UserError


class BundleError(UserError, RuntimeError):
    """A folder holds no bundle that this code can read; the message names it."""


class TooManyProducts(UserError, ValueError):
    """The catalogue is too large for a matrix of all pairs; the message names its size."""


class DataChanged(UserError, RuntimeError):
    """The rows are others than those of the reader or the version; the message says what to do."""


class NotEnoughData(UserError, ValueError):
    """There is nothing to learn from; the message says what is missing."""
